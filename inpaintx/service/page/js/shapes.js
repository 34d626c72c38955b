// What a tool covers, as spans of whole pixels: [row, first, past the last], within the picture.
// A pixel is covered where its centre is. Nothing is antialiased: a mask knows hole and known, and no third.

/** A stroke's segment with round ends, from (ax, ay) to (bx, by), in pixels of the picture. */
export function* capsule(ax, ay, bx, by, radius, width, height) {
  const length = Math.hypot(bx - ax, by - ay);
  const corners = length === 0 ? [] : alongside(ax, ay, bx, by, (radius / length));
  const first = Math.max(0, Math.ceil(Math.min(ay, by) - radius - 0.5));
  const last = Math.min(height - 1, Math.floor(Math.max(ay, by) + radius - 0.5));
  for (let row = first; row <= last; row++) {
    const y = row + 0.5;
    // The shape is convex, so that a row meets it in one interval: of the two discs and what lies between.
    let [left, right] = joined(discInterval(ax, ay, radius, y), discInterval(bx, by, radius, y));
    for (const x of crossings(corners, y)) {
      left = Math.min(left, x);
      right = Math.max(right, x);
    }
    const span = centres(row, left, right, width);
    if (span) yield span;
  }
}

/** What a closed outline encloses, by the even-odd rule; points are [x, y]. */
export function* polygon(points, width, height) {
  const ys = points.map((point) => point[1]);
  const first = Math.max(0, Math.ceil(Math.min(...ys) - 0.5));
  const last = Math.min(height - 1, Math.floor(Math.max(...ys) - 0.5));
  for (let row = first; row <= last; row++) {
    const xs = crossings(points, row + 0.5).sort((a, b) => a - b);
    for (let i = 0; i + 1 < xs.length; i += 2) {
      const span = centres(row, xs[i], xs[i + 1], width);
      if (span) yield span;
    }
  }
}

/** All pixels from one to another, both included, which are given as points in them. */
export function* rectangle(ax, ay, bx, by, width, height) {
  const left = Math.max(0, Math.floor(Math.min(ax, bx)));
  const right = Math.min(width, Math.floor(Math.max(ax, bx)) + 1);
  const top = Math.max(0, Math.floor(Math.min(ay, by)));
  const bottom = Math.min(height, Math.floor(Math.max(ay, by)) + 1);
  if (left >= right) return;
  for (let row = top; row < bottom; row++) yield [row, left, right];
}

/** Where a brush of so many pixels stands so that it is the same everywhere: on a centre, or on a corner. */
export function snapped(x, y, size) {
  return size % 2 === 1 ? [Math.floor(x) + 0.5, Math.floor(y) + 0.5] : [Math.round(x), Math.round(y)];
}

function alongside(ax, ay, bx, by, share) {
  const nx = (ay - by) * share;
  const ny = (bx - ax) * share;
  return [[ax + nx, ay + ny], [bx + nx, by + ny], [bx - nx, by - ny], [ax - nx, ay - ny]];
}

function discInterval(x, y, radius, row) {
  const under = radius * radius - (row - y) * (row - y);
  if (under < 0) return [Infinity, -Infinity];
  const half = Math.sqrt(under);
  return [x - half, x + half];
}

function joined([a, b], [c, d]) {
  return [Math.min(a, c), Math.max(b, d)];
}

function crossings(points, y) {
  const xs = [];
  for (let i = 0; i < points.length; i++) {
    const [ax, ay] = points[i];
    const [bx, by] = points[(i + 1) % points.length];
    if ((ay <= y) !== (by <= y)) xs.push(ax + ((y - ay) / (by - ay)) * (bx - ax));
  }
  return xs;
}

function centres(row, left, right, width) {
  const from = Math.max(0, Math.ceil(left - 0.5));
  const to = Math.min(width, Math.floor(right - 0.5) + 1);
  return from < to ? [row, from, to] : null;
}
