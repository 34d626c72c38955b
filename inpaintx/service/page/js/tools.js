// What the tools do to the mask. A tool is told where it is put down, moved and lifted, in pixels of the
// picture: it is the same by mouse, finger, pen (pointers.js) or arrow keys (arrows.js).

import { on, state, tell } from "./state.js";
import { capsule, polygon, rectangle, snapped } from "./shapes.js";
import { ghost, redraw } from "./stage.js";

const SIZES = [1, 2000]; // of the brush

export const isBrush = () => state.tool === "brush" || state.tool === "eraser";

// --- What each tool does ---

const brush = {
  down([x, y]) {
    state.current.mask.begin();
    this.last = null;
    this.move([x, y]);
  },
  move([x, y]) {
    const { mask, width, height } = state.current;
    const to = snapped(x, y, state.size);
    const from = this.last ?? to;
    this.last = to;
    const spans = capsule(...from, ...to, state.size / 2, width, height);
    tell("mask", mask.paint(spans, state.tool === "eraser" ? 0 : 1));
  },
  up() {
    state.current.mask.end();
    tell("mask");
  },
  cancel() {
    tell("mask", state.current.mask.cancel());
  },
};

const box = {
  down([x, y]) {
    ghost.box = [x, y, x, y];
    redraw();
  },
  move([x, y]) {
    ghost.box = [ghost.box[0], ghost.box[1], x, y];
    redraw();
  },
  up() {
    const { mask, width, height } = state.current;
    const [ax, ay, bx, by] = ghost.box;
    ghost.box = null;
    if (state.drawsPart) tell("region", part(ax, ay, bx, by, width, height));
    else fill(mask, rectangle(ax, ay, bx, by, width, height));
    redraw();
  },
  cancel() {
    ghost.box = null;
    redraw();
  },
};

const lasso = {
  down(point) {
    ghost.path = [point];
    redraw();
  },
  move(point) {
    ghost.path.push(point);
    redraw();
  },
  up() {
    const { mask, width, height } = state.current;
    const outline = ghost.path;
    ghost.path = null;
    fill(mask, polygon(outline, width, height));
    redraw();
  },
  cancel() {
    ghost.path = null;
    redraw();
  },
};

const tools = { brush, eraser: brush, rectangle: box, lasso };

function fill(mask, spans) {
  mask.begin();
  const touched = mask.paint(spans, 1);
  mask.end();
  tell("mask", touched);
}

function part(ax, ay, bx, by, width, height) {
  const within = (value, most) => Math.min(most, Math.max(0, Math.floor(value)));
  const [left, top] = [within(Math.min(ax, bx), width - 1), within(Math.min(ay, by), height - 1)];
  const [right, bottom] = [within(Math.max(ax, bx), width - 1) + 1, within(Math.max(ay, by), height - 1) + 1];
  return [left, top, right - left, bottom - top];
}

// --- The tool at hand ---

let active = null; // the tool that is down

export const isDown = (tool) => active !== null && (tool === undefined || state.tool === tool);

/** Puts the tool down, if the picture can be painted on now; says whether it could. */
export function putDown(at) {
  lift();
  if (!state.current?.shown || state.current.job?.running) return false;
  if (state.show !== "hole") {
    state.show = "hole"; // what is painted is to be seen
    tell("show");
  }
  active = tools[state.tool];
  active.down(at);
  return true;
}

export function move(at) {
  active?.move(at);
}

/** Lifts the tool: what it did is done. */
export function raise() {
  active?.up();
  active = null;
}

/** Lifts the tool and takes back what it did; says whether it was down. */
export function lift() {
  if (!active) return false;
  active.cancel();
  active = null;
  return true;
}

export function choose(tool) {
  lift();
  state.tool = tool;
  if (tool !== "rectangle") state.drawsPart = false;
  ghost.ring = null;
  tell("tool");
}

export function resizeBrush(size) {
  state.size = Math.round(Math.min(SIZES[1], Math.max(SIZES[0], size)));
  if (ghost.ring) ghost.ring[2] = state.size;
  tell("tool");
}

on("picture", lift);
