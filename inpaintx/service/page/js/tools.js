// From pointers and keys to edits of the mask. A tool is told where it is put down, moved and lifted, in pixels
// of the picture; the brush, the rectangle and the lasso are the same by mouse, finger, pen or arrow keys.

import { byId, on, state, tell } from "./state.js";
import { say } from "./messages.js";
import { capsule, polygon, rectangle, snapped } from "./shapes.js";
import { ghost, place, redraw, view } from "./stage.js";

const canvas = byId("stage");
const STEP = 16; // CSS pixels that an arrow key moves the brush
const SIZES = [1, 2000]; // of the brush

const isBrush = (tool) => tool === "brush" || tool === "eraser";

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

const hand = { down() {}, move() {}, up() {}, cancel() {} };

const tools = { brush, eraser: brush, rectangle: box, lasso, hand };

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

// --- Choosing ---

let active = null; // the tool that is down

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

/** Takes back what is under way; says whether anything was. */
export function lift() {
  if (!active) return false;
  active.cancel();
  active = null;
  return true;
}

/** Whether the picture can be painted on now; painting shows the hole first. */
function ready() {
  if (!state.current?.shown || state.current.job?.running) return false;
  if (state.show !== "hole" && state.tool !== "hand") {
    state.show = "hole";
    tell("show");
  }
  return true;
}

// --- Pointers ---

const pointers = new Map(); // those that are down, and where: two fingers pan and zoom
let gesture = null; // "tool" | "pan" | "pinch" | "split"

canvas.addEventListener("pointerdown", (event) => {
  if (!state.current?.shown) return;
  ghost.cursor = null;
  canvas.setPointerCapture(event.pointerId);
  pointers.set(event.pointerId, place(event));
  if (pointers.size === 2) {
    lift(); // of the finger that came first
    gesture = "pinch";
  } else if (pointers.size === 1) {
    lift(); // what the keys have begun
    gesture = begun(event);
  }
});

function begun(event) {
  if (event.button === 1 || state.tool === "hand") return "pan";
  if (event.button !== 0) return null;
  if (state.show === "compare") {
    split(event);
    return "split";
  }
  if (!ready()) return "pan";
  active = tools[state.tool];
  active.down(view.toPicture(...place(event)));
  return "tool";
}

canvas.addEventListener("pointermove", (event) => {
  const at = place(event);
  hover(event, at);
  const before = pointers.get(event.pointerId);
  if (!before) return;
  if (gesture === "tool" && active) {
    for (const each of event.getCoalescedEvents?.() ?? [event]) active.move(view.toPicture(...place(each)));
  } else if (gesture === "split") {
    split(event);
  } else if (gesture === "pan") {
    view.pan(at[0] - before[0], at[1] - before[1]);
    tell("view");
  } else if (gesture === "pinch" && pointers.size === 2) {
    const other = [...pointers].find(([id]) => id !== event.pointerId)[1];
    const [was, is] = [before, at].map((point) => Math.hypot(point[0] - other[0], point[1] - other[1]));
    view.pan((at[0] - before[0]) / 2, (at[1] - before[1]) / 2);
    view.zoom(is / Math.max(was, 1), (at[0] + other[0]) / 2, (at[1] + other[1]) / 2);
    tell("view");
  }
  pointers.set(event.pointerId, at);
});

for (const name of ["pointerup", "pointercancel"]) {
  canvas.addEventListener(name, (event) => {
    if (!pointers.delete(event.pointerId)) return;
    if (gesture === "tool" && active) {
      if (name === "pointerup") active.up();
      else active.cancel();
      active = null;
    }
    if (pointers.size === 0) gesture = null;
  });
}

canvas.addEventListener("pointerleave", () => {
  ghost.ring = null;
  redraw();
});

canvas.addEventListener("wheel", (event) => {
  if (!state.current?.shown) return;
  event.preventDefault();
  if (event.shiftKey) view.pan(-event.deltaY, 0);
  else view.zoom(Math.exp(-event.deltaY / (event.ctrlKey ? 120 : 400)), ...place(event));
  tell("view");
}, { passive: false });

canvas.addEventListener("contextmenu", (event) => event.preventDefault());

function hover(event, at) {
  const shown = isBrush(state.tool) && event.pointerType !== "touch" && state.show === "hole";
  ghost.ring = shown ? [...view.toPicture(...at), state.size] : null;
  redraw();
}

function split(event) {
  const [x] = view.toPicture(...place(event));
  state.split = Math.min(1, Math.max(0, x / state.current.width));
  tell("show");
}

// --- Keys, with the focus on the picture ---

const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

canvas.addEventListener("keydown", (event) => {
  if (!state.current?.shown || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key in MOVES) moved(MOVES[event.key], event.shiftKey);
  else if (event.key === " ") pressed();
  else if (event.key === "Enter" && active === lasso) raised();
  else return;
  event.preventDefault();
});

function moved([dx, dy], fine) {
  if (state.tool === "hand") {
    view.pan(-dx * 3 * STEP, -dy * 3 * STEP);
    tell("view");
    return;
  }
  if (state.show === "compare") {
    state.split = Math.min(1, Math.max(0, state.split + dx * (fine ? 0.005 : 0.05)));
    tell("show");
    return;
  }
  const { width, height } = state.current;
  const [x, y] = cursor();
  const step = fine ? 1 : Math.max(1, Math.round(STEP / view.scale));
  const at = [
    Math.min(width - 0.5, Math.max(0.5, x + dx * step)),
    Math.min(height - 0.5, Math.max(0.5, y + dy * step)),
  ];
  stand(at);
  if (active === brush || active === box) active.move(at);
  say(`${Math.floor(at[0])}, ${Math.floor(at[1])}`, 400);
}

/** Where the brush stands for the keys: in the middle at first. */
function cursor() {
  if (!ghost.cursor) stand([Math.floor(state.current.width / 2) + 0.5, Math.floor(state.current.height / 2) + 0.5]);
  return ghost.cursor;
}

function stand(at) {
  ghost.cursor = at;
  ghost.ring = isBrush(state.tool) ? [...at, state.size] : null;
  view.reveal(...at);
  tell("view");
}

function pressed() {
  if (state.tool === "hand" || !ready()) return;
  const at = cursor();
  if (!active) {
    active = tools[state.tool];
    active.down(at);
    say(active === brush ? "down" : active === lasso ? "first point" : "first corner");
  } else if (active === lasso) {
    lasso.move(at);
    say(`${ghost.path.length} points`);
  } else {
    raised();
  }
}

function raised() {
  active.up();
  active = null;
  say("done");
}

canvas.addEventListener("focus", () => {
  if (canvas.matches(":focus-visible") && state.current?.shown) stand(cursor());
});
canvas.addEventListener("blur", () => {
  lift();
  ghost.cursor = null;
  ghost.ring = null;
  redraw();
});
on("picture", () => {
  lift();
  ghost.cursor = null;
});
