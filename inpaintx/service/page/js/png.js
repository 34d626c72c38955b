// Masks as PNG files, and back.
//
// Written by hand, since browsers that guard against fingerprinting add noise to what a canvas gives away, and
// limit its size; one bit a pixel is enough. Read through a canvas in strips: black and white stand the noise.

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const STRIP = 512; // rows

/** A mask as a PNG of 1 bit a pixel, white = hole. */
export async function toPng({ width, height, hole }) {
  const stride = 1 + Math.ceil(width / 8); // a row begins with its filter: none
  const rows = new Uint8Array(stride * height);
  for (let row = 0, at = 0; row < height; row++) {
    const start = row * stride + 1;
    for (let x = 0; x < width; x++, at++) if (hole[at]) rows[start + (x >> 3)] |= 0x80 >> (x & 7);
  }
  const header = new Uint8Array(13);
  const fields = new DataView(header.buffer);
  fields.setUint32(0, width);
  fields.setUint32(4, height);
  header[8] = 1; // bits, of gray
  const parts = [
    Uint8Array.from(SIGNATURE),
    chunk("IHDR", header),
    chunk("IDAT", await deflated(rows)),
    chunk("IEND", new Uint8Array()),
  ];
  return new Blob(parts, { type: "image/png" });
}

/** A black and white PNG as bytes, 1 = white. */
export async function fromPng(blob) {
  const bitmap = await createImageBitmap(blob);
  const { width, height } = bitmap;
  const hole = new Uint8Array(width * height);
  const canvas = new OffscreenCanvas(width, Math.min(STRIP, height));
  const context = canvas.getContext("2d", { willReadFrequently: true });
  for (let top = 0; top < height; top += STRIP) {
    const rows = Math.min(STRIP, height - top);
    context.drawImage(bitmap, 0, top, width, rows, 0, 0, width, rows);
    const { data } = context.getImageData(0, 0, width, rows);
    for (let i = 0, at = top * width; i < data.length; i += 4, at++) hole[at] = data[i] > 127 ? 1 : 0;
  }
  bitmap.close();
  return { width, height, hole };
}

async function deflated(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function chunk(kind, data) {
  const bytes = new Uint8Array(12 + data.length);
  const fields = new DataView(bytes.buffer);
  fields.setUint32(0, data.length);
  for (let i = 0; i < 4; i++) bytes[4 + i] = kind.charCodeAt(i);
  bytes.set(data, 8);
  fields.setUint32(8 + data.length, crc32(bytes.subarray(4, 8 + data.length)));
  return bytes;
}

const CRC = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let bit = 0; bit < 8; bit++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n;
});

function crc32(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = CRC[(crc ^ byte) & 0xff] ^ (crc >>> 8);
  return ~crc >>> 0;
}
