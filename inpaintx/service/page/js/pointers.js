// Mouse, pen and fingers on the picture: one of them uses the tool, two fingers pan and zoom.

import { ghost, place, redraw, view } from "./stage.js";
import { byId, state, tell } from "./state.js";
import { isBrush, lift, move, putDown, raise } from "./tools.js";

const canvas = byId("stage");
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
  return putDown(view.toPicture(...place(event))) ? "tool" : "pan";
}

canvas.addEventListener("pointermove", (event) => {
  const at = place(event);
  hover(event, at);
  const before = pointers.get(event.pointerId);
  if (!before) return;
  if (gesture === "tool") {
    for (const each of event.getCoalescedEvents?.() ?? [event]) move(view.toPicture(...place(each)));
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
    if (gesture === "tool" && name === "pointerup") raise();
    else if (gesture === "tool") lift();
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
  const turned = event.deltaY * (event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1);
  if (event.shiftKey) view.pan(-turned, 0);
  else view.zoom(Math.exp(-turned / (event.ctrlKey ? 120 : 400)), ...place(event));
  tell("view");
}, { passive: false });

canvas.addEventListener("contextmenu", (event) => event.preventDefault());

function hover(event, at) {
  const shown = isBrush() && event.pointerType !== "touch" && state.show === "hole";
  ghost.ring = shown ? [...view.toPicture(...at), state.size] : null;
  redraw();
}

function split(event) {
  const [x] = view.toPicture(...place(event));
  state.split = Math.min(1, Math.max(0, x / state.current.width));
  tell("show");
}
