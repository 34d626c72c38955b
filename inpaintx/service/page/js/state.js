// What the page knows, and who hears of changes. Modules change it and tell the topic; none calls another's
// drawing.
//
//   pictures   the list changed            picture   another one is looked at
//   mask       the hole changed            show      what is shown, or which candidate
//   tool       tool or brush changed       job       a completion goes on, ends or fails
//   view       zoom or place changed       region    the part that the model sees was drawn

export const state = {
  pictures: [],
  current: null, // of pictures
  tool: "brush",
  size: 24, // of the brush, in pixels of the picture
  show: "hole", // hole | result | compare | all | disagreement
  split: 0.5, // where before ends, as a share of the picture's width
  drawsPart: false, // the next rectangle is a region, not a hole
  limits: {},
};

const listeners = new Map();

/** Calls a function whenever one of the topics, written with spaces between, is told. */
export function on(topics, listener) {
  for (const topic of topics.split(" ")) {
    if (!listeners.has(topic)) listeners.set(topic, []);
    listeners.get(topic).push(listener);
  }
}

export function tell(topic, detail) {
  for (const listener of listeners.get(topic) ?? []) listener(detail);
}

export const byId = (id) => document.getElementById(id);
