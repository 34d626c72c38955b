// What came out: candidates side by side, the picked one, the map, the slider, the files.

import * as api from "./api.js";
import { busy, say, told } from "./messages.js";
import { saveAs, stem } from "./saving.js";
import { byId, on, state, tell } from "./state.js";
import { redraw } from "./stage.js";

const AROUND = 0.35; // of the hole's longer side: what a thumbnail shows around it
const FORMATS = [
  ["keep", "As the picture", "The picture's own format where that is lossless, else PNG. Known pixels stay bit for bit."],
  ["same", "As the picture, JPEG too", "A JPEG stays one, coded as it was: that changes known pixels a little."],
  ["png", "PNG", "Lossless. Known pixels stay bit for bit."],
  ["tiff", "TIFF", "Lossless. Known pixels stay bit for bit."],
  ["webp", "WebP", "Lossless, 8 bits only. Known pixels stay bit for bit."],
];

byId("format").replaceChildren(...FORMATS.map(([value, text]) => new Option(text, value)));

const finished = () => (state.current?.job?.choices.length ? state.current.job : null);

function pick(index) {
  const job = finished();
  if (!job || index < 0 || index >= job.choices.length) return;
  job.picked = index;
  if (state.show === "hole") state.show = "result";
  tell("show");
  say(nameOf(job.choices[index]));
}

export const pickNext = (by) => finished() && pick(finished().picked + by);

/** The next of the views that there are. */
export function showNext() {
  const there = [...document.querySelectorAll("[name=show]")].filter((radio) => !radio.disabled);
  if (!finished()) return;
  const at = there.findIndex((radio) => radio.value === state.show);
  show(there[(at + 1) % there.length].value);
}

function show(what) {
  state.show = what;
  tell("show");
  say(document.querySelector(`[name=show][value=${what}]`).parentElement.textContent.trim());
}

export async function download() {
  const [picture, job] = [state.current, finished()];
  if (!job) return;
  await told(async () => {
    busy("Writing the file");
    try {
      const file = await api.result(job.id, job.choices[job.picked].candidate, byId("format").value);
      saveAs(file, `${stem(picture.name)}-completed${suffix(file.type, picture.name)}`);
      say("Downloaded");
    } finally {
      busy(null);
    }
  });
}

const nameOf = ({ candidate, name }) => (candidate === null ? "The mean" : `Candidate ${name}`);

const SUFFIXES = { "image/jpeg": /\.jpe?g$/i, "image/tiff": /\.tiff?$/i };

/** Of a file of this type; as the picture's own where it is of the type, too. */
function suffix(type, name) {
  const own = SUFFIXES[type]?.exec(name);
  return own ? own[0] : `.${type.slice("image/".length).replace("jpeg", "jpg").replace("tiff", "tif")}`;
}

// --- Candidates ---

/** The part of the picture around its hole, a square where there is room: what the candidates differ in. */
function around({ mask, width, height }) {
  const { left, top, right, bottom } = mask.bounds();
  const side = Math.max(right - left, bottom - top) * (1 + 2 * AROUND);
  const [w, h] = [Math.min(side, width), Math.min(side, height)];
  const held = (middle, length, of) => Math.min(of - length, Math.max(0, middle - length / 2));
  return [held((left + right) / 2, w, width), held((top + bottom) / 2, h, height), w, h];
}

function card(picture, part, index, side) {
  const choice = picture.job.choices[index];
  const scale = choice.bitmap.width / picture.width;
  const [x, y, width, height] = part.map((length) => length * scale);
  const canvas = document.createElement("canvas");
  const larger = side / Math.max(width, height);
  canvas.width = Math.max(1, Math.round(width * larger));
  canvas.height = Math.max(1, Math.round(height * larger));
  const pen = canvas.getContext("2d");
  pen.imageSmoothingEnabled = larger < 3;
  pen.imageSmoothingQuality = "high";
  pen.drawImage(choice.bitmap, x, y, width, height, 0, 0, canvas.width, canvas.height);
  const button = document.createElement("button");
  button.type = "button";
  button.className = "candidate";
  button.setAttribute("aria-label", nameOf(choice));
  const number = document.createElement("span");
  number.textContent = choice.name;
  button.append(canvas, number);
  button.addEventListener("click", () => pick(index));
  return button;
}

let carded = null; // the completion that the cards are of

function showCards() {
  const [picture, job] = [state.current, finished()];
  for (const [id, side] of [["candidates-list", 160], ["all", 480]]) {
    const list = byId(id);
    if (carded !== job) list.replaceChildren();
    for (let index = list.childElementCount; index < (job?.choices.length ?? 0); index++) {
      list.append(card(picture, (job.part ??= around(picture)), index, side));
    }
    [...list.children].forEach((button, index) => button.setAttribute("aria-pressed", index === job.picked));
  }
  carded = job;
}

// --- The panel and the views ---

on("job picture show", () => {
  const job = finished();
  byId("shown").hidden = !job;
  byId("with-result").hidden = !job;
  byId("no-result").hidden = Boolean(job);
  byId("download").hidden = !job;
  byId("all").hidden = !job || state.show !== "all";
  byId("split-row").hidden = !job || state.show !== "compare";
  byId("size-row").hidden = !byId("split-row").hidden;
  byId("split").value = 100 * state.split;
  for (const radio of document.querySelectorAll("[name=show]")) {
    radio.checked = radio.value === state.show;
    radio.disabled = radio.value === "disagreement" ? !job?.disagreement : radio.value === "all" && job?.choices.length < 2;
  }
  showCards();
  if (!job) return;
  byId("candidates-list").setAttribute("aria-busy", job.choices.length < job.wanted.length);
  byId("result-text").textContent =
    state.show === "disagreement"
      ? "The brighter, the more the candidates disagree: look there before you trust a fill."
      : `Done in ${job.seconds.toFixed(job.seconds < 10 ? 1 : 0)} s. Pick the candidate that fits best.`;
  showRecord(job.said.record);
});

let recorded = null;

/** What was done, as the file's record says it. */
function showRecord(record) {
  if (recorded === record) return;
  recorded = record;
  const lines = Object.entries(record ?? {}).flatMap(([name, value]) => {
    const [term, told] = [document.createElement("dt"), document.createElement("dd")];
    term.textContent = name.replaceAll("_", " ");
    told.textContent = typeof value === "object" ? JSON.stringify(value) : value;
    return [term, told];
  });
  byId("record").replaceChildren(...lines);
}

for (const radio of document.querySelectorAll("[name=show]")) {
  radio.addEventListener("change", () => show(radio.value));
}
byId("split").addEventListener("input", ({ target }) => {
  state.split = target.value / 100;
  redraw();
});
byId("download").addEventListener("click", download);
byId("format").addEventListener("change", describeFormat);

function describeFormat() {
  byId("format-text").textContent = FORMATS.find(([value]) => value === byId("format").value)[2];
}
describeFormat();
