// The keys with which the picture is painted while it has the focus: arrows move the tool, Space and Enter use it.

import { say } from "./messages.js";
import { ghost, redraw, view } from "./stage.js";
import { byId, on, state, tell } from "./state.js";
import { isBrush, isDown, lift, move, putDown, raise } from "./tools.js";

const canvas = byId("stage");
const STEP = 16; // CSS pixels that an arrow key moves the tool
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

canvas.addEventListener("keydown", (event) => {
  if (!state.current?.shown || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key in MOVES) moved(MOVES[event.key], event.shiftKey);
  else if (event.key === " ") pressed();
  else if (event.key === "Enter" && isDown("lasso")) finish();
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
  if (!isDown("lasso")) move(at); // which takes the points that Space sets
  say(`${Math.floor(at[0])}, ${Math.floor(at[1])}`, 400);
}

/** Where the brush stands for the keys: in the middle at first. */
function cursor() {
  if (!ghost.cursor) stand([Math.floor(state.current.width / 2) + 0.5, Math.floor(state.current.height / 2) + 0.5]);
  return ghost.cursor;
}

function stand(at) {
  ghost.cursor = at;
  ghost.ring = isBrush() ? [...at, state.size] : null;
  view.reveal(...at);
  tell("view");
}

const BEGUN = { lasso: "first point", rectangle: "first corner" };

function pressed() {
  if (state.tool === "hand") return;
  const at = cursor();
  if (!isDown()) {
    if (putDown(at)) say(BEGUN[state.tool] ?? "down");
  } else if (isDown("lasso")) {
    move(at);
    say(`${ghost.path.length} points`);
  } else {
    finish();
  }
}

function finish() {
  raise();
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
  ghost.cursor = null;
});
