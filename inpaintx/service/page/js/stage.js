// The canvas: the picture, its hole, what a tool is about to do, and what came out.

import { on, state, tell, byId } from "./state.js";
import { View } from "./view.js";

export const view = new View();
const canvas = byId("stage");
const context = canvas.getContext("2d");
const scratch = document.createElement("canvas"); // of the stage's size: the hole, coloured
let drawing = 0;

/** What the tools show before it is done: {ring, path, box, cursor}, in pixels of the picture. */
export const ghost = {};

/** A picture's hole as a canvas of the size of what is shown of the picture; opaque = hole. */
class Overlay {
  constructor(mask, shown) {
    this.mask = mask;
    this.canvas = document.createElement("canvas");
    this.canvas.width = shown.width;
    this.canvas.height = shown.height;
    this.context = this.canvas.getContext("2d");
    this.update({ left: 0, top: 0, right: mask.width, bottom: mask.height });
  }

  /** A pixel of the overlay is hole where any that it stands for is: a thin scratch must not vanish. */
  update({ left, top, right, bottom }) {
    const { hole, width, height } = this.mask;
    const [across, down] = [this.canvas.width / width, this.canvas.height / height];
    const [x0, y0] = [Math.floor(left * across), Math.floor(top * down)];
    const x1 = Math.min(this.canvas.width, Math.ceil(right * across));
    const y1 = Math.min(this.canvas.height, Math.ceil(bottom * down));
    if (x0 >= x1 || y0 >= y1) return;
    const image = this.context.createImageData(x1 - x0, y1 - y0);
    const pixels = new Uint32Array(image.data.buffer);
    let at = 0;
    for (let y = y0; y < y1; y++) {
      const [first, last] = [Math.floor(y / down), Math.max(Math.floor(y / down) + 1, Math.floor((y + 1) / down))];
      for (let x = x0; x < x1; x++, at++) {
        const from = Math.floor(x / across);
        const to = Math.max(from + 1, Math.floor((x + 1) / across));
        let any = 0;
        for (let row = first; row < last && !any; row++) {
          for (let column = from; column < to; column++) any |= hole[row * width + column];
        }
        if (any) pixels[at] = 0xffffffff;
      }
    }
    this.context.putImageData(image, x0, y0);
  }
}

/** Where a pointer's event is, in CSS pixels of the stage. */
export function place(event) {
  const box = canvas.getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
}

export function redraw() {
  if (!drawing) drawing = requestAnimationFrame(draw);
}

function draw() {
  drawing = 0;
  const ratio = window.devicePixelRatio || 1;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, view.stage.width, view.stage.height);
  const picture = state.current;
  if (!picture?.shown) return;
  const colours = getComputedStyle(canvas);
  const box = [view.x, view.y, picture.width * view.scale, picture.height * view.scale];
  if (picture.alpha) checker(box);
  const job = picture.job;
  const result = job?.choices[job.picked]?.bitmap;
  if (job?.preview && state.show === "hole") {
    paintPicture(picture.shown, box);
    paintForming(picture, job.preview, box);
  } else if (state.show === "hole" || !result) {
    paintPicture(picture.shown, box);
    paintHole(picture, box, colours);
  } else if (state.show === "compare") {
    paintPicture(picture.shown, box);
    const at = box[0] + box[2] * state.split;
    context.save();
    context.beginPath();
    context.rect(at, box[1], box[0] + box[2] - at, box[3]);
    context.clip();
    paintPicture(result, box);
    context.restore();
    paintSplit(at, box);
  } else {
    paintPicture(result, box);
    if (state.show === "disagreement" && job.disagreement) paintDisagreement(job.disagreement, box, colours);
  }
  frame(box, colours);
  paintGhost();
}

function paintPicture(bitmap, [x, y, width, height]) {
  context.imageSmoothingEnabled = width / bitmap.width < 3; // enlarged, pixels are seen as what they are
  context.imageSmoothingQuality = "medium"; // mipmaps, made once: large pictures are drawn at each move
  context.drawImage(bitmap, x, y, width, height);
}

function paintHole(picture, box, colours) {
  if (!picture.mask.count) return;
  inHole(picture, box, (pen) => {
    pen.fillStyle = hatch(pen, colours);
    pen.fillRect(0, 0, view.stage.width, view.stage.height);
  });
  context.globalAlpha = 0.75;
  context.drawImage(scratch, 0, 0, view.stage.width, view.stage.height);
  context.globalAlpha = 1;
}

/** What is found yet, in the hole only: the rest of a preview is a reduced copy of what is there sharper. */
function paintForming(picture, preview, box) {
  inHole(picture, box, (pen) => {
    pen.imageSmoothingEnabled = box[2] / preview.width < 3;
    pen.drawImage(preview, ...box);
  });
  context.drawImage(scratch, 0, 0, view.stage.width, view.stage.height);
}

/** Paints on the scratch canvas what lies in the hole. */
function inHole(picture, box, paint) {
  picture.overlay ??= new Overlay(picture.mask, picture.shown);
  const pen = scratch.getContext("2d");
  const ratio = canvas.width / view.stage.width;
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.globalCompositeOperation = "copy";
  pen.imageSmoothingEnabled = false;
  pen.drawImage(picture.overlay.canvas, ...box);
  pen.globalCompositeOperation = "source-in";
  paint(pen);
}

/** Stripes of two shades: seen on any picture, whatever its colours, and by people who see fewer. */
function hatch(pen, colours) {
  const side = 10;
  const tile = document.createElement("canvas");
  tile.width = tile.height = side;
  const brush = tile.getContext("2d");
  brush.fillStyle = colours.getPropertyValue("--hole");
  brush.fillRect(0, 0, side, side);
  brush.strokeStyle = colours.getPropertyValue("--hole-line");
  brush.lineWidth = 2.2;
  for (const shift of [-side, 0, side]) {
    brush.beginPath();
    brush.moveTo(shift - 2, side + 2);
    brush.lineTo(shift + side + 2, -2);
    brush.stroke();
  }
  return pen.createPattern(tile, "repeat");
}

function paintSplit(at, [, y, , height]) {
  context.lineWidth = 4;
  context.strokeStyle = "rgb(0 0 0 / .55)";
  line(at, y, at, y + height);
  context.lineWidth = 2;
  context.strokeStyle = "#fff";
  line(at, y, at, y + height);
  const middle = Math.min(Math.max(y + height / 2, 30), view.stage.height - 30);
  context.beginPath();
  context.arc(at, middle, 14, 0, 2 * Math.PI);
  context.fillStyle = "#fff";
  context.fill();
  context.lineWidth = 1;
  context.strokeStyle = "rgb(0 0 0 / .55)";
  context.stroke();
  context.strokeStyle = "#222";
  context.lineWidth = 2;
  for (const side of [-1, 1]) {
    context.beginPath();
    context.moveTo(at + side * 4, middle - 4);
    context.lineTo(at + side * 8, middle);
    context.lineTo(at + side * 4, middle + 4);
    context.stroke();
  }
}

/** The map over a dimmed picture: the brighter, the more the candidates disagree. */
function paintDisagreement(map, box, colours) {
  context.fillStyle = "rgb(0 0 0 / .6)";
  context.fillRect(...box);
  const pen = scratch.getContext("2d");
  const ratio = canvas.width / view.stage.width;
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.globalCompositeOperation = "copy";
  pen.imageSmoothingEnabled = box[2] / map.width < 3;
  pen.drawImage(map, ...box);
  pen.globalCompositeOperation = "multiply";
  pen.fillStyle = colours.getPropertyValue("--heat");
  pen.fillRect(...box);
  context.globalCompositeOperation = "lighter";
  context.drawImage(scratch, 0, 0, view.stage.width, view.stage.height);
  context.globalCompositeOperation = "source-over";
}

function paintGhost() {
  const { ring, path, box, cursor } = ghost;
  if (path?.length) outlined(() => {
    context.beginPath();
    path.forEach(([x, y], i) => context[i ? "lineTo" : "moveTo"](...view.toStage(x, y)));
  });
  if (box) outlined(() => {
    const [left, top] = view.toStage(Math.floor(Math.min(box[0], box[2])), Math.floor(Math.min(box[1], box[3])));
    const [right, bottom] = view.toStage(Math.floor(Math.max(box[0], box[2])) + 1, Math.floor(Math.max(box[1], box[3])) + 1);
    context.beginPath();
    context.rect(left, top, right - left, bottom - top);
  });
  if (ring) outlined(() => {
    context.beginPath();
    context.arc(...view.toStage(ring[0], ring[1]), Math.max(2, (ring[2] * view.scale) / 2), 0, 2 * Math.PI);
  });
  if (cursor) outlined(() => {
    const [x, y] = view.toStage(...cursor);
    context.beginPath();
    context.moveTo(x - 10, y);
    context.lineTo(x + 10, y);
    context.moveTo(x, y - 10);
    context.lineTo(x, y + 10);
  });
}

/** A light line on a dark one is seen on any picture. */
function outlined(trace) {
  trace();
  context.lineWidth = 3;
  context.strokeStyle = "rgb(0 0 0 / .65)";
  context.stroke();
  context.lineWidth = 1.25;
  context.strokeStyle = "#fff";
  context.stroke();
}

function checker([x, y, width, height]) {
  const tile = document.createElement("canvas");
  tile.width = tile.height = 16;
  const brush = tile.getContext("2d");
  brush.fillStyle = "#fff";
  brush.fillRect(0, 0, 16, 16);
  brush.fillStyle = "#ccc";
  brush.fillRect(0, 0, 8, 8);
  brush.fillRect(8, 8, 8, 8);
  context.fillStyle = context.createPattern(tile, "repeat");
  context.fillRect(x, y, width, height);
}

function frame([x, y, width, height], colours) {
  context.lineWidth = 1;
  context.strokeStyle = colours.getPropertyValue("--frame");
  context.strokeRect(x - 0.5, y - 0.5, width + 1, height + 1);
}

function line(ax, ay, bx, by) {
  context.beginPath();
  context.moveTo(ax, ay);
  context.lineTo(bx, by);
  context.stroke();
}

function resize() {
  const { width, height } = canvas.parentElement.getBoundingClientRect();
  if (!width || !height) return;
  const ratio = window.devicePixelRatio || 1;
  for (const one of [canvas, scratch]) {
    one.width = Math.round(width * ratio);
    one.height = Math.round(height * ratio);
  }
  view.resize(width, height);
  tell("view");
}

new ResizeObserver(resize).observe(canvas.parentElement);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
on("picture", () => {
  if (state.current?.shown) view.show(state.current.width, state.current.height);
  tell("view");
});
on("mask", (touched) => {
  const picture = state.current;
  if (touched && picture?.overlay) picture.overlay.update(touched);
});
on("mask view show job tool theme", redraw);
