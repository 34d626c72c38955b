// The service, as functions. Every problem becomes a ServiceError with one line that says what to do.

export class ServiceError extends Error {
  constructor(message, status = 0) {
    super(message);
    this.name = "ServiceError";
    this.status = status;
  }
}

async function call(path, options = {}) {
  let response;
  try {
    response = await fetch(path, { cache: "no-store", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ServiceError("The service does not answer; is it still running? Start it again, then try once more.");
  }
  if (response.ok) return response;
  throw new ServiceError(await reason(response), response.status);
}

async function reason(response) {
  if (response.status === 401) return "The service wants its token; open the address that it printed when it started.";
  try {
    const { detail } = await response.json();
    if (typeof detail === "string") return detail;
  } catch {
    // no JSON: something between the page and the service answered
  }
  return `The service answered ${response.status} ${response.statusText}; try again, or look at what it printed.`;
}

const json = async (path, options) => (await call(path, options)).json();
const blob = async (path, options) => (await call(path, options)).blob();

function form(fields) {
  const data = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    if (value instanceof Blob) data.append(name, value, value.name ?? `${name}.png`);
    else if (value !== null && value !== undefined && value !== "") data.append(name, String(value));
  }
  return data;
}

/** Fields in an address; those that are null are left out. */
const query = (fields) => new URLSearchParams(Object.entries(fields).filter(([, value]) => value !== null));

const post = (fields, signal) => ({ method: "POST", body: form(fields), signal });

export const models = () => json("v1/models");
export const plugins = () => json("v1/plugins");

/** What the page was started with: names of pictures on the service's side. */
export const offered = () => json("v1/page");
export const offeredBytes = (index) => blob(`v1/page/pictures/${index}`);

/** What a picture looks like, upright, as the service will read it; and its full size. */
export async function preview(image, signal) {
  const response = await call("v1/page/preview", post({ image }, signal));
  return { bitmap: await createImageBitmap(await response.blob()), facts: JSON.parse(response.headers.get("X-Picture")) };
}

/** The hole that a mask file marks in a picture, as black and white, if it is a mask of that picture. */
export const readMask = (mask, { width, height, name }) => blob("v1/page/mask", post({ mask, width, height, name }));

export const makeMask = (image, plugin, options, seed) =>
  blob("v1/mask", post({ image, plugin, options: JSON.stringify(options), seed }));

export const submit = (fields) => json("v1/jobs", post(fields));
export const job = (id) => json(`v1/jobs/${id}`);

/** A finished job's picture as a file; `candidate` null: by the estimate. */
export const result = (id, candidate, format) => blob(`v1/jobs/${id}/result?${query({ candidate, format })}`);

/** What it looks like, no larger than is useful to look at; and the map of where the candidates disagree. */
export const look = async (id, candidate) =>
  createImageBitmap(await blob(`v1/page/jobs/${id}/look?${query({ candidate })}`));
export const disagreement = async (id) => createImageBitmap(await blob(`v1/page/jobs/${id}/disagreement`));

/** Forgets a job, on the service's side too; it stops if it runs. Holds when the page is being left. */
export function forget(id) {
  fetch(`v1/jobs/${id}`, { method: "DELETE", keepalive: true }).catch(() => {});
}

/** Follows a job: `progress` is called with what it says, until it ends. Gives its last word. */
export function follow(id, progress) {
  return new Promise((resolve, reject) => {
    const events = new EventSource(`v1/jobs/${id}/events`);
    const ended = (settle) => (event) => {
      events.close();
      settle(event);
    };
    events.addEventListener("progress", (event) => progress(JSON.parse(event.data)));
    events.addEventListener("done", ended((event) => resolve(JSON.parse(event.data))));
    events.addEventListener("failed", ended((event) => reject(new ServiceError(JSON.parse(event.data).error))));
    events.onerror = () => {
      if (events.readyState !== EventSource.CLOSED) return; // it tries again by itself
      events.close();
      job(id).then((last) => {
        if (last.state === "done") resolve(last);
        else reject(new ServiceError(last.error ?? "The service broke off; complete again."));
      }, reject);
    };
  });
}
