// The pictures that were opened, one of which is looked at. Only that one is in memory: the others are files
// that the browser can read again, and masks that are packed.

import * as api from "./api.js";
import { Mask } from "./mask.js";
import { busy, dismiss, fail, say, told } from "./messages.js";
import { byId, on, state, tell } from "./state.js";

/** A picture and all that belongs to it. */
class Picture {
  constructor(name, source) {
    this.name = name;
    this.source = source; // gives the file's bytes, as they are
    this.shown = null; // a bitmap of it, no larger than is useful to look at
    this.mask = null;
    this.overlay = null;
    this.job = null;
  }

  async open(signal) {
    const { bitmap, facts } = await api.preview(await this.bytes(), signal);
    this.shown = bitmap;
    Object.assign(this, facts); // width, height, depth, channels, alpha
    if (this.mask && (this.mask.width !== this.width || this.mask.height !== this.height)) this.mask = null;
    this.mask ??= new Mask(this.width, this.height);
    this.mask.wake();
  }

  /** The file, never what a canvas would make of it: depth, profile and tags stay. */
  async bytes() {
    const blob = await this.source();
    return blob instanceof File ? blob : new File([blob], this.name);
  }

  rest() {
    this.shown?.close();
    this.shown = null;
    this.overlay = null;
    this.mask?.rest();
    for (const { bitmap } of this.job?.choices ?? []) bitmap.close();
    if (this.job && !this.job.running) Object.assign(this.job, { choices: [], disagreement: null });
  }
}

let opening = new AbortController();

/** Opens files in the place of what was open. */
export function open(files) {
  const pictures = [...files].filter(isPicture).sort((a, b) => order(pathOf(a), pathOf(b)));
  if (!pictures.length) {
    fail(new api.ServiceError("There are no pictures in what was chosen; choose PNG, JPEG, TIFF or WebP files."));
    return;
  }
  for (const picture of state.pictures) {
    if (picture.job?.id) api.forget(picture.job.id);
    picture.job = null;
  }
  state.current?.rest();
  state.current = null;
  state.pictures = pictures.map((file) => new Picture(file.name, async () => file));
  tell("pictures");
  look(0);
}

/** Pictures that the command line was given: they stay where they are until they are looked at. */
export function offer(names) {
  state.pictures = names.map((name, index) => new Picture(name, () => api.offeredBytes(index)));
  tell("pictures");
  look(0);
}

/** Looks at one of the pictures. */
export async function look(index) {
  const [before, picture] = [state.current, state.pictures[index]];
  if (!picture || picture === before) return;
  opening.abort();
  opening = new AbortController();
  const { signal } = opening;
  const hole = carried(before);
  before?.rest();
  dismiss();
  state.current = picture;
  state.show = "hole";
  busy(`Opening ${picture.name}`);
  tell("picture");
  try {
    await picture.open(signal);
  } catch (error) {
    if (error.name === "AbortError") return; // another one is looked at by now
    busy(null);
    fail(error);
    if (state.pictures.length === 1) Object.assign(state, { pictures: [], current: null }); // to begin anew
    tell("picture");
    return;
  }
  if (signal.aborted) return picture.rest();
  busy(null);
  carry(hole, picture);
  tell("picture");
  tell("show");
  say(`${picture.name}, ${picture.width} by ${picture.height} pixels, ${index + 1} of ${state.pictures.length}`);
}

export const step = (by) => look(state.pictures.indexOf(state.current) + by);

/** The hole of the picture that is left, if the next one is to have the same. */
function carried(before) {
  if (!byId("same-mask").checked || !before?.mask?.count || !before.mask.hole) return null;
  const { width, height, hole } = before.mask;
  return { width, height, hole };
}

function carry(from, { mask, name }) {
  if (!from || mask.count) return; // a hole of its own stays
  if (from.width !== mask.width || from.height !== mask.height) {
    const [was, is] = [from, mask].map((of) => `${of.width}×${of.height}`);
    fail(new api.ServiceError(`The hole is of a picture of ${was}, and ${name} is ${is}; paint it anew.`));
    return;
  }
  mask.replace(from.hole);
}

const PICTURES = /\.(png|jpe?g|tiff?|webp|bmp|gif|heic|heif|jxl|avif|jp2|p[gp]m)$/i;

/** A folder holds other files, too; what was chosen alone is tried in any case, and the service says what it is. */
function isPicture(file, _index, { length }) {
  return length === 1 || file.type.startsWith("image/") || PICTURES.test(file.name);
}

const order = new Intl.Collator(undefined, { numeric: true }).compare;
const pathOf = (file) => file.webkitRelativePath || file.name;

// --- Ways in ---

byId("open").addEventListener("click", () => byId("files").click());
byId("choose").addEventListener("click", () => byId("files").click());
byId("choose-folder").addEventListener("click", () => byId("folder").click());
for (const id of ["files", "folder"]) {
  byId(id).addEventListener("change", ({ target }) => {
    if (target.files.length) open(target.files);
    target.value = ""; // so that the same file can be chosen again
  });
}
byId("previous").addEventListener("click", () => step(-1));
byId("next").addEventListener("click", () => step(1));

document.addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.toggle("dropping", event.dataTransfer.types.includes("Files"));
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) document.body.classList.remove("dropping");
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("dropping");
  const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (entries.length) told(async () => open((await Promise.all(entries.map(filesOf))).flat()));
});

/** The files of what was dropped: folders are gone through. */
async function filesOf(entry) {
  if (entry.isFile) return [await new Promise((resolve, reject) => entry.file(resolve, reject))];
  const reader = entry.createReader();
  const files = [];
  for (;;) { // a reader gives some at a time
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return files;
    for (const each of some) files.push(...(await filesOf(each)));
  }
}

on("pictures picture", () => {
  const { pictures, current } = state;
  byId("welcome").hidden = Boolean(current);
  document.body.classList.toggle("opened", Boolean(current));
  byId("browse").hidden = pictures.length < 2;
  const at = pictures.indexOf(current);
  byId("place").textContent = `${at + 1} of ${pictures.length}`;
  byId("previous").disabled = at <= 0;
  byId("next").disabled = at < 0 || at + 1 >= pictures.length;
  byId("name").textContent = current?.name ?? "";
  byId("facts").textContent = current?.shown ? facts(current) : "";
  byId("foot").hidden = !current?.shown;
  document.title = current ? `${current.name} – inpaintx` : "inpaintx";
});

function facts({ width, height, depth, channels, alpha }) {
  return `${width} × ${height} · ${depth} bit ${channels === 1 ? "gray" : "colour"}${alpha ? " with alpha" : ""}`;
}
