// What people are told: problems in a bar that stays until it is dismissed, progress in a line that only a
// screen reader says.

import { byId } from "./state.js";

/** A problem, in one line that says what to do. */
export function fail(error) {
  byId("alert-text").textContent = error.message ?? String(error);
  byId("alert").hidden = false;
  if (!(error instanceof Error) || error.name === "ServiceError") return;
  console.error(error);
}

export function dismiss() {
  byId("alert").hidden = true;
}

/** What is being done right now, over the picture; null: nothing. */
export function busy(text) {
  byId("busy").hidden = text === null;
  byId("busy-text").textContent = text ?? "";
}

let last = 0;
let waiting = 0;

/** For screen readers, at most every `apart` milliseconds, so that the last thing said is always heard. */
export function say(text, apart = 0) {
  clearTimeout(waiting);
  const wait = Math.max(0, last + apart - Date.now());
  waiting = setTimeout(() => {
    last = Date.now();
    byId("status").textContent = text;
  }, wait);
}

/** Runs something that may fail, with the problem told. */
export async function told(work) {
  try {
    return await work();
  } catch (error) {
    fail(error);
    return undefined;
  }
}
