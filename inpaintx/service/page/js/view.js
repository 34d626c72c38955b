// Which part of a picture is seen, and how large: the way from pixels of the picture to those of the stage.

const MOST = 64; // CSS pixels a pixel of the picture
const MARGIN = 24;

export class View {
  constructor() {
    this.scale = 1;
    this.x = 0; // where the picture's corner is, in CSS pixels of the stage
    this.y = 0;
    this.stage = { width: 1, height: 1 };
    this.picture = { width: 1, height: 1 };
    this.fitted = true; // until someone zooms: then it is theirs, and a resized window leaves it alone
  }

  show(width, height) {
    this.picture = { width, height };
    this.fit();
  }

  resize(width, height) {
    this.stage = { width, height };
    if (this.fitted) this.fit();
    else this.#hold();
  }

  fit() {
    this.scale = this.#fitting();
    this.x = (this.stage.width - this.picture.width * this.scale) / 2;
    this.y = (this.stage.height - this.picture.height * this.scale) / 2;
    this.fitted = true;
  }

  /** Zooms so that what is at (x, y) of the stage stays there. */
  zoom(factor, x = this.stage.width / 2, y = this.stage.height / 2) {
    const least = Math.min(this.#fitting(), 1) / 2;
    const scale = Math.min(MOST, Math.max(least, this.scale * factor));
    const [px, py] = this.toPicture(x, y);
    this.scale = scale;
    this.x = x - px * scale;
    this.y = y - py * scale;
    this.fitted = false;
    this.#hold();
  }

  pan(dx, dy) {
    this.x += dx;
    this.y += dy;
    this.fitted = false;
    this.#hold();
  }

  /** Pans just so far that a point of the picture is seen. */
  reveal(px, py) {
    const [x, y] = this.toStage(px, py);
    const dx = Math.min(0, this.stage.width - MARGIN - x) + Math.max(0, MARGIN - x);
    const dy = Math.min(0, this.stage.height - MARGIN - y) + Math.max(0, MARGIN - y);
    if (dx || dy) this.pan(dx, dy);
  }

  toPicture(x, y) {
    return [(x - this.x) / this.scale, (y - this.y) / this.scale];
  }

  toStage(px, py) {
    return [px * this.scale + this.x, py * this.scale + this.y];
  }

  #fitting() {
    const room = (side, of) => Math.max(1, side - 2 * Math.min(MARGIN, side / 12)) / of;
    const fitting = Math.min(room(this.stage.width, this.picture.width), room(this.stage.height, this.picture.height));
    return Math.min(MOST, fitting);
  }

  /** Some of the picture always stays on the stage. */
  #hold() {
    const held = (at, side, of) => Math.min(side - MARGIN, Math.max(MARGIN - of * this.scale, at));
    this.x = held(this.x, this.stage.width, this.picture.width);
    this.y = held(this.y, this.stage.height, this.picture.height);
  }
}
