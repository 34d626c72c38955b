// Puts the page together: what the buttons around the picture do, the keys, light and dark; and begins.

import * as api from "./api.js";
import "./arrows.js";
import "./pointers.js";
import { cancel, complete } from "./completing.js";
import { dismiss, told } from "./messages.js";
import { load } from "./panel.js";
import { offer, step } from "./pictures.js";
import { download, pickNext, showNext } from "./results.js";
import { view } from "./stage.js";
import { byId, on, state, tell } from "./state.js";
import { choose, lift, resizeBrush } from "./tools.js";

// --- The hole as a whole ---

/** Edits the mask unless a completion of it is under way. */
function edit(work) {
  const picture = state.current;
  if (!picture?.mask?.hole || picture.job?.running || lift()) return;
  if (state.show !== "hole") {
    state.show = "hole";
    tell("show");
  }
  tell("mask", work(picture.mask));
}

const edits = {
  undo: (mask) => mask.undo(),
  redo: (mask) => mask.redo(),
  invert: (mask) => mask.invert(),
  clear: (mask) => mask.clear(),
};
for (const [id, work] of Object.entries(edits)) byId(id).addEventListener("click", () => edit(work));

// --- Tools ---

const buttons = [...document.querySelectorAll("[data-tool]")];
for (const button of buttons) button.addEventListener("click", () => choose(button.dataset.tool));

// The slider is finer for small brushes: a step at the left is a pixel, at the right a tenth.
const MOST = 600;
const toSize = (position) => Math.max(1, Math.round(MOST ** (position / 100)));
const toPosition = (size) => (100 * Math.log(size)) / Math.log(MOST);
byId("size").addEventListener("input", ({ target }) => resizeBrush(toSize(target.value)));

on("tool mask picture job", () => {
  const picture = state.current;
  for (const button of buttons) {
    const chosen = button.dataset.tool === state.tool;
    button.setAttribute("aria-pressed", chosen);
    button.disabled = !picture?.shown;
  }
  const still = Boolean(picture?.mask?.hole && picture.shown && !picture.job?.running);
  byId("undo").disabled = !still || !picture.mask.past.length;
  byId("redo").disabled = !still || !picture.mask.future.length;
  byId("invert").disabled = !still;
  byId("clear").disabled = !still || !picture.mask.count;
  byId("size").value = toPosition(state.size);
  byId("size-text").textContent = `${state.size} px`;
  byId("stage").dataset.tool = state.tool;
});

let sized = false;
on("picture", () => {
  if (sized || !state.current?.shown) return;
  sized = true; // the first picture tells how large a brush is of use
  resizeBrush(Math.max(3, Math.max(state.current.width, state.current.height) / 16));
});

// --- Zoom ---

const zooms = {
  "zoom-in": () => view.zoom(1.4),
  "zoom-out": () => view.zoom(1 / 1.4),
  "zoom-one": () => view.zoom(1 / (window.devicePixelRatio || 1) / view.scale),
  "zoom-fit": () => view.fit(),
};
function zoom(id) {
  zooms[id]();
  tell("view");
}
for (const id of Object.keys(zooms)) byId(id).addEventListener("click", () => zoom(id));
on("view picture", () => {
  byId("zoom-text").textContent = `${Math.round(100 * view.scale * (window.devicePixelRatio || 1))} %`;
});

// --- Keys ---

const keys = {
  b: () => choose("brush"),
  e: () => choose("eraser"),
  r: () => choose("rectangle"),
  l: () => choose("lasso"),
  h: () => choose("hand"),
  "[": () => resizeBrush(Math.min(state.size - 1, state.size / 1.2)),
  "]": () => resizeBrush(Math.max(state.size + 1, state.size * 1.2)),
  i: () => edit(edits.invert),
  delete: () => edit(edits.clear),
  "+": () => zoom("zoom-in"),
  "=": () => zoom("zoom-in"),
  "-": () => zoom("zoom-out"),
  0: () => zoom("zoom-fit"),
  1: () => zoom("zoom-one"),
  v: showNext,
  ",": () => pickNext(-1),
  ".": () => pickNext(1),
  n: () => step(1),
  p: () => step(-1),
  o: () => byId("files").click(),
  s: download,
  "?": () => byId("keys").showModal(),
};
const withControl = {
  z: (event) => edit(event.shiftKey ? edits.redo : edits.undo),
  y: () => edit(edits.redo),
  enter: complete,
};

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.altKey || byId("keys").open) return;
  const key = event.key.toLowerCase();
  if (event.ctrlKey || event.metaKey) {
    if (!(key in withControl) || (key !== "enter" && writes(event.target))) return;
    withControl[key](event);
  } else if (key === "escape") {
    if (!lift() && !cancel()) dismiss();
  } else if (key in keys && single(event.target)) {
    keys[key]();
  } else {
    return;
  }
  event.preventDefault();
});

/** Whether a key by itself is a command here: not where text is written, and everywhere else only if wanted. */
function single(target) {
  return target === byId("stage") || (byId("single-keys").checked && !writes(target));
}

function writes(target) {
  return target.matches("select, textarea, input:not([type=checkbox], [type=radio], [type=range])");
}

byId("help").addEventListener("click", () => byId("keys").showModal());
byId("keys-close").addEventListener("click", () => byId("keys").close());
byId("alert-close").addEventListener("click", dismiss);

// --- Light and dark: the system's choice until the switch is used ---

const dark = matchMedia("(prefers-color-scheme: dark)");
const isDark = () => (document.documentElement.dataset.theme ?? (dark.matches ? "dark" : "light")) === "dark";
const showTheme = () => byId("theme").setAttribute("aria-pressed", isDark());
byId("theme").addEventListener("click", () => {
  document.documentElement.dataset.theme = isDark() ? "light" : "dark";
  showTheme();
  tell("theme");
});
dark.addEventListener("change", showTheme);
showTheme();

// --- Begin ---

tell("tool");
tell("picture");
await told(async () => {
  const [{ pictures }] = await Promise.all([api.offered(), load()]);
  if (pictures.length) offer(pictures);
});
