// From the hole to candidates: a job of the service's, followed until it ends.

import * as api from "./api.js";
import { dismiss, fail, say } from "./messages.js";
import { settings, showTab } from "./panel.js";
import { toPng } from "./png.js";
import { byId, on, state, tell } from "./state.js";

/** A completion of a picture: first the service's job, then its results. */
class Completion {
  constructor() {
    this.id = null;
    this.running = true;
    this.said = { state: "sending" };
    this.began = Date.now();
    this.seconds = 0;
    this.preview = null; // a bitmap of how the fill stands
    this.choices = []; // {candidate, name, bitmap}: what to pick from; candidate null: the estimate
    this.picked = 0;
    this.disagreement = null;
  }
}

export async function complete() {
  const picture = state.current;
  if (!picture?.mask?.count || picture.job?.running) return;
  if (picture.job?.id) api.forget(picture.job.id);
  const job = (picture.job = new Completion());
  dismiss();
  state.show = "hole";
  tell("show");
  tell("job");
  say("Completing");
  try {
    const mask = new File([await toPng(picture.mask)], "mask.png", { type: "image/png" });
    const asked = settings();
    job.estimate = asked.estimate;
    const { id } = await api.submit({ image: await picture.bytes(), mask, ...asked });
    if (!job.running) return api.forget(id); // cancelled while it was being sent
    job.id = id;
    const last = await api.follow(id, (said) => progress(picture, job, said));
    if (picture.job !== job) return;
    job.said = last;
    await gather(picture, job);
  } catch (error) {
    if (picture.job !== job) return; // cancelled: what fails for that is no problem
    picture.job = null;
    if (job.id) api.forget(job.id);
    fail(picture === state.current ? error : new api.ServiceError(`${picture.name}: ${error.message}`));
  } finally {
    tell("job");
  }
}

function progress(picture, job, said) {
  if (!job.running) return;
  job.said = said;
  if (said.preview && picture === state.current) showPreview(job, said.preview);
  if (picture === state.current) say(standing(job), 5000);
  tell("job");
}

/** The newest preview; one that is decoded later than a newer one is left out. */
async function showPreview(job, url) {
  const bytes = Uint8Array.from(atob(url.slice(url.indexOf(",") + 1)), (character) => character.charCodeAt(0));
  const turn = (job.turn = (job.turn ?? 0) + 1);
  const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
  if (!job.running || turn !== job.turn) return bitmap.close();
  job.preview?.close();
  job.preview = bitmap;
  tell("job");
}

/** Gets the pictures of a job that is done, one after the other: large ones take the service's memory. */
async function gather(picture, job) {
  job.wanted ??= [
    ...(job.estimate === "mean" ? [{ candidate: null, name: "Mean" }] : []),
    ...Array.from({ length: job.said.candidates }, (_, candidate) => ({ candidate, name: `${candidate + 1}` })),
  ];
  const there = () => picture === state.current && picture.job === job && picture.shown;
  while (there() && job.choices.length < job.wanted.length) {
    const choice = job.wanted[job.choices.length];
    const bitmap = await api.look(job.id, choice.candidate);
    if (!there()) return;
    job.choices.push({ ...choice, bitmap });
    if (job.running) finish(job);
    tell("job");
  }
  if (!there() || job.said.candidates < 2) return;
  job.disagreement ??= await api.disagreement(job.id);
  tell("job");
}

function finish(job) {
  job.running = false;
  job.seconds = (Date.now() - job.began) / 1000;
  job.preview?.close();
  job.preview = null;
  state.show = "result";
  showTab("result");
  tell("show");
  say(`Done in ${job.seconds.toFixed(0)} seconds: ${job.wanted.length} to pick from`);
}

/** Comes back to a picture whose completion ended meanwhile, or whose results were let go of. */
async function regather() {
  const picture = state.current;
  const job = picture?.job;
  if (!picture?.shown || job?.said.state !== "done" || job.choices.length) return;
  try {
    await gather(picture, job);
  } catch (error) {
    if (picture.job === job) picture.job = null; // the service keeps results for a while only
    fail(error);
    tell("job");
  }
}

export function cancel() {
  const job = state.current?.job;
  if (!job?.running) return false;
  job.running = false;
  job.preview?.close();
  state.current.job = null;
  if (job.id) api.forget(job.id);
  tell("job");
  say("Cancelled");
  return true;
}

/** How a job stands, in words. */
function standing({ said, began }) {
  const seconds = Math.round((Date.now() - began) / 1000);
  const time = seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  if (said.state === "sending") return `Sending the picture · ${time}`;
  if (said.state === "waiting") {
    const before = said.position > 1 ? `${said.position - 1} before you` : "next";
    return `Waiting, ${before} · ${time}`;
  }
  if (said.state === "done") return `Getting the candidates · ${time}`;
  if (said.iterations && said.iteration >= said.iterations) return `Blending · ${time}`;
  if (said.iterations) return `Iteration ${said.iteration} of ${said.iterations} · ${time}`;
  return `Beginning · ${time}`;
}

let ticking = 0;

function show() {
  const job = state.current?.job;
  const running = Boolean(job?.running);
  byId("running").hidden = !running;
  byId("complete").hidden = running;
  byId("complete").disabled = !state.current?.mask?.count;
  byId("complete").textContent = job && !running ? "Complete again" : "Complete";
  byId("complete").classList.toggle("primary", !job); // afterwards the next step is the download
  clearTimeout(ticking);
  if (!running) return;
  const { iteration, iterations } = job.said;
  if (iterations) byId("progress").value = iteration / iterations;
  else byId("progress").removeAttribute("value");
  byId("progress-text").textContent = standing(job);
  ticking = setTimeout(show, 1000); // the time goes on between two words of the service
}

byId("complete").addEventListener("click", complete);
byId("cancel").addEventListener("click", () => {
  cancel();
  byId("complete").focus();
});
on("job mask picture", show);
on("picture", regather);

// Nothing is left behind: what this page had the service do goes with it.
addEventListener("pagehide", () => {
  for (const { job } of state.pictures) if (job?.id) api.forget(job.id);
});
