// The hole of one picture, at the picture's full size: a byte a pixel, 1 = hole.
//
// An edit is the list of runs of pixels that it flipped, [start, length, …] in reading order of the picture.
// To undo it is to flip them again, and so is to redo it: history takes little memory, however large the
// picture, and can't drift away from the mask.

const MOST_REMEMBERED = 8_000_000; // numbers in all edits together: 32 MB

export class Mask {
  constructor(width, height) {
    this.width = width;
    this.height = height;
    this.hole = new Uint8Array(width * height);
    this.count = 0; // pixels of the hole
    this.past = [];
    this.future = [];
    this.edit = null; // the runs of the edit under way
    this.packed = null;
  }

  begin() {
    this.edit = [];
  }

  /** Sets what spans cover to hole (1) or known (0); gives the rectangle that changed, or null. */
  paint(spans, value) {
    const { hole, width, edit } = this;
    let touched = null;
    for (const [row, from, to] of spans) {
      const start = row * width;
      let x = from;
      while (x < to) {
        if (hole[start + x] === value) {
          x++;
          continue;
        }
        const first = x;
        while (x < to && hole[start + x] !== value) hole[start + x++] = value;
        edit.push(start + first, x - first);
        this.count += value ? x - first : first - x;
        touched = including(touched, first, row, x, row + 1);
      }
    }
    return touched;
  }

  /** Ends the edit under way: it can be undone from now on. */
  end() {
    if (this.edit.length) {
      this.past.push(Uint32Array.from(this.edit));
      this.future = [];
      this.#forget();
    }
    this.edit = null;
  }

  /** Takes back what the edit under way did. */
  cancel() {
    const touched = this.#flip(this.edit);
    this.edit = null;
    return touched;
  }

  undo() {
    const runs = this.past.pop();
    if (!runs) return null;
    this.future.push(runs);
    return this.#flip(runs);
  }

  redo() {
    const runs = this.future.pop();
    if (!runs) return null;
    this.past.push(runs);
    return this.#flip(runs);
  }

  /** Becomes another hole, of the same size, in one edit. */
  replace(hole) {
    this.begin();
    const runs = this.edit;
    for (let i = 0; i < hole.length; i++) {
      if (hole[i] === this.hole[i]) continue;
      const first = i;
      while (i < hole.length && hole[i] !== this.hole[i]) i++;
      runs.push(first, i - first);
    }
    const touched = this.#flip(runs);
    this.end();
    return touched;
  }

  clear() {
    return this.replace(new Uint8Array(this.hole.length));
  }

  invert() {
    this.begin();
    this.edit.push(0, this.hole.length);
    const touched = this.#flip(this.edit);
    this.end();
    return touched;
  }

  /** The rectangle around the hole: left, top, right, bottom; null where there is none. */
  bounds() {
    let around = null;
    for (let row = 0; row < this.height; row++) {
      const start = row * this.width;
      const first = this.hole.subarray(start, start + this.width).indexOf(1);
      if (first < 0) continue;
      const last = this.hole.subarray(start, start + this.width).lastIndexOf(1);
      around = including(around, first, row, last + 1, row + 1);
    }
    return around;
  }

  /** Lets go of the bytes while another picture is looked at: a folder of scans would fill the memory. */
  rest() {
    if (this.packed) return;
    const runs = [];
    for (let i = this.hole.indexOf(1); i >= 0; i = this.hole.indexOf(1, i)) {
      let end = this.hole.indexOf(0, i);
      if (end < 0) end = this.hole.length;
      runs.push(i, end - i);
      i = end;
    }
    this.packed = Uint32Array.from(runs);
    this.hole = null;
  }

  wake() {
    if (!this.packed) return;
    this.hole = new Uint8Array(this.width * this.height);
    for (let i = 0; i < this.packed.length; i += 2) {
      this.hole.fill(1, this.packed[i], this.packed[i] + this.packed[i + 1]);
    }
    this.packed = null;
  }

  #flip(runs) {
    const { hole, width } = this;
    let touched = null;
    for (let i = 0; i < runs.length; i += 2) {
      const [start, end] = [runs[i], runs[i] + runs[i + 1]];
      let set = 0;
      for (let at = start; at < end; at++) set += hole[at] ^= 1;
      this.count += 2 * set - (end - start);
      const [top, bottom] = [Math.floor(start / width), Math.floor((end - 1) / width)];
      const one = top === bottom;
      touched = including(touched, one ? start % width : 0, top, one ? (start % width) + end - start : width, bottom + 1);
    }
    return touched;
  }

  #forget() {
    let remembered = this.past.reduce((sum, runs) => sum + runs.length, 0);
    while (remembered > MOST_REMEMBERED && this.past.length > 1) remembered -= this.past.shift().length;
  }
}

function including(box, left, top, right, bottom) {
  if (!box) return { left, top, right, bottom };
  return {
    left: Math.min(box.left, left),
    top: Math.min(box.top, top),
    right: Math.max(box.right, right),
    bottom: Math.max(box.bottom, bottom),
  };
}
