// The settings: what hole, what model, how. Made from what the service says there is, so that a plugin that is
// installed is here, too.

import * as api from "./api.js";
import { busy, say, told } from "./messages.js";
import { fromPng, toPng } from "./png.js";
import { choose } from "./tools.js";
import { byId, on, state, tell } from "./state.js";
import { saveAs, stem } from "./saving.js";

let masks = []; // the plugins, as the service describes them
let blends = [];
let models = [];

/** Fills the choices from what the service has. */
export async function load() {
  const [some, plugins] = await Promise.all([api.models(), api.plugins()]);
  models = some;
  masks = plugins.filter(({ kind }) => kind === "mask");
  blends = plugins.filter(({ kind }) => kind === "blend");
  fill(byId("model"), models.map(({ name }) => name));
  fill(byId("plugin"), masks.map(({ name }) => name));
  fill(byId("blend"), blends.map(({ name }) => name));
  byId("detect").hidden = !masks.some(({ name }) => name === "detect");
  byId("model").value = models.find(({ first }) => first).name;
  byId("plugin").value = "freeform";
  byId("blend").value = "auto";
  describe();
}

function fill(select, names) {
  select.replaceChildren(...names.map((name) => new Option(name)));
}

function describe() {
  const model = models.find(({ name }) => name === byId("model").value);
  byId("model-text").textContent = model ? about(model) : "";
  byId("blend-text").textContent = described(blends, byId("blend").value);
  showPlugin();
}

function about({ size, channels, fit }) {
  const sees = fit === "patches" ? "patches" : "pictures";
  return `Draws ${channels === 1 ? "gray" : "colour"} ${sees} of ${size} × ${size} pixels, scaled to yours.`;
}

/** What a plugin does; its author's backticks are for the command line. */
const described = (plugins, name) => plugins.find((one) => one.name === name)?.description.replaceAll("`", "") ?? "";

function showPlugin() {
  const plugin = masks.find(({ name }) => name === byId("plugin").value);
  byId("plugin-text").textContent = described(masks, byId("plugin").value);
  byId("plugin-options").replaceChildren(...(plugin?.options ?? []).map(field));
}

/** A control for a plugin's option, of the kind that it takes. */
function field({ name, help, type, choices, nullable, default: value }) {
  const label = document.createElement("label");
  const [text, hint] = [document.createElement("span"), document.createElement("small")];
  text.textContent = name.replaceAll("_", " ");
  hint.textContent = help;
  const input = document.createElement(choices ? "select" : "input");
  input.name = name;
  if (choices) {
    fill(input, nullable ? ["", ...choices] : choices);
    input.value = value ?? "";
  } else if (type === "boolean") {
    input.type = "checkbox";
    input.checked = value === true;
  } else {
    input.type = type === "string" ? "text" : "number";
    if (input.type === "number") input.step = type === "integer" ? 1 : "any";
    input.value = value ?? "";
    input.spellcheck = false;
  }
  label.className = type === "boolean" ? "check" : "field";
  label.append(...(type === "boolean" ? [input, text] : [text, input]), hint);
  return label;
}

/** What the options' controls hold; those that were left empty keep their defaults. */
function options() {
  const given = {};
  for (const input of byId("plugin-options").querySelectorAll("[name]")) {
    if (input.type === "checkbox") given[input.name] = input.checked;
    else if (input.value !== "") given[input.name] = input.value;
  }
  return given;
}

/** The settings of a completion, by the names that the service takes. */
export function settings() {
  const region = byId("region").value;
  return {
    model: byId("model").value,
    region: region === "part" ? byId("part").value.replace(/\s/g, "") : region,
    estimate: document.querySelector("[name=estimate]:checked").value,
    blend: byId("blend").value,
    candidates: byId("candidates").value,
    seed: byId("seed").value,
    iterations: byId("iterations").value,
  };
}

// --- The hole ---

async function makeMask(plugin, given) {
  const picture = state.current;
  if (!picture?.shown) return;
  await told(async () => {
    busy(`Making the mask ${plugin}`);
    try {
      const made = await api.makeMask(await picture.bytes(), plugin, given, byId("seed").value || 0);
      take(await fromPng(made), picture);
    } finally {
      busy(null);
    }
  });
}

async function loadMask(file) {
  const picture = state.current;
  if (!picture?.shown) return;
  await told(async () => {
    busy(`Reading ${file.name}`);
    try {
      take(await fromPng(await api.readMask(file, picture)), picture);
    } finally {
      busy(null);
    }
  });
}

/** Makes a mask that came from elsewhere the picture's hole, or a part of it. */
function take({ hole }, picture) {
  if (picture !== state.current) return; // another one is looked at by now
  if (byId("add").checked) for (let i = 0; i < hole.length; i++) hole[i] |= picture.mask.hole[i];
  state.show = "hole";
  tell("show");
  tell("mask", picture.mask.replace(hole));
  say(byId("share").textContent);
}

async function saveMask() {
  const { mask, name } = state.current;
  saveAs(await toPng(mask), `${stem(name)}_mask.png`);
}

byId("plugin").addEventListener("change", showPlugin);
byId("model").addEventListener("change", describe);
byId("blend").addEventListener("change", describe);
byId("make-mask").addEventListener("click", () => makeMask(byId("plugin").value, options()));
byId("detect").addEventListener("click", () => {
  // With the options that stand there, if it is the plugin that is looked at.
  makeMask("detect", byId("plugin").value === "detect" ? options() : {});
});
byId("load-mask").addEventListener("click", () => byId("mask-file").click());
byId("mask-file").addEventListener("change", ({ target }) => {
  if (target.files.length) loadMask(target.files[0]);
  target.value = "";
});
byId("save-mask").addEventListener("click", () => told(saveMask));
byId("region").addEventListener("change", ({ target }) => {
  byId("part-row").hidden = target.value !== "part";
  if (target.value === "part" && !byId("part").value) byId("part").focus();
});
byId("draw-part").addEventListener("click", () => {
  choose("rectangle");
  state.drawsPart = true;
  byId("stage").focus();
  say("Draw the part that the model sees");
});
on("region", (part) => {
  state.drawsPart = false;
  byId("part").value = part.join(",");
  byId("draw-part").focus();
  say(`The model sees ${part.join(", ")}`);
});

on("mask picture", () => {
  const mask = state.current?.mask;
  const painted = mask?.hole ? mask.count : 0;
  byId("share").textContent = painted ? shareOf(painted, mask) : "No hole yet: paint over what is to be filled.";
  for (const id of ["detect", "load-mask", "make-mask"]) byId(id).disabled = !state.current?.shown;
  byId("save-mask").disabled = !painted;
});

function shareOf(painted, { width, height }) {
  const share = (100 * painted) / (width * height);
  const text = share < 0.1 ? "less than 0.1" : share.toFixed(1);
  return `The hole: ${painted.toLocaleString("en")} pixels, ${text} % of the picture.`;
}

for (const form of ["panel-hole", "panel-fill"]) {
  byId(form).addEventListener("submit", (event) => event.preventDefault());
}

// --- Tabs: arrow keys go from one to the next ---

const tabs = [...document.querySelectorAll("[role=tab]")];

export function showTab(name, focus = false) {
  for (const tab of tabs) {
    const chosen = tab.id === `tab-${name}`;
    tab.setAttribute("aria-selected", chosen);
    tab.tabIndex = chosen ? 0 : -1;
    byId(tab.getAttribute("aria-controls")).hidden = !chosen;
    if (chosen && focus) tab.focus();
  }
}

tabs.forEach((tab, at) => {
  const name = (of) => tabs[(of + tabs.length) % tabs.length].id.slice("tab-".length);
  tab.addEventListener("click", () => showTab(name(at)));
  tab.addEventListener("keydown", ({ key }) => {
    if (key === "ArrowRight") showTab(name(at + 1), true);
    if (key === "ArrowLeft") showTab(name(at - 1), true);
  });
});
