// Strength and blend, as the server computes them: base + strength * (share-weighted looks - base), in 8 bits.

// Arrays of RGBA of one length; `other` may be null. `into` clips and rounds, being a Uint8ClampedArray.
export function mix(base, look, other, share, strength, into) {
  const keep = 1 - share;
  if (other === null || share === 0) {
    if (strength === 1) into.set(look);
    else for (let i = 0; i < into.length; i++) into[i] = base[i] + strength * (look[i] - base[i]);
    return;
  }
  for (let i = 0; i < into.length; i++) {
    into[i] = base[i] + strength * (keep * look[i] + share * other[i] - base[i]);
  }
}

// Decoded pictures by file and size. The small ones stay as long as the file; of the large ones a few.
const kept = new WeakMap();
const large = [];
const MOST_LARGE = 6;
const LARGE = 600 * 600;

export function pixels(file, width, height) {
  let sizes = kept.get(file);
  if (!sizes) kept.set(file, (sizes = new Map()));
  const key = `${width}x${height}`;
  if (!sizes.has(key)) {
    sizes.set(key, decode(file, width, height));
    if (width * height > LARGE) {
      large.push([sizes, key]);
      if (large.length > MOST_LARGE) {
        const [oldest, oldestKey] = large.shift();
        oldest.delete(oldestKey);
      }
    }
  }
  return sizes.get(key);
}

async function decode(file, width, height) {
  const bitmap = await createImageBitmap(file, { resizeWidth: width, resizeHeight: height, resizeQuality: "high" });
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return context.getImageData(0, 0, width, height);
}

const STRIP = 128;

// The mixed picture at its full size as a PNG; in strips, so that several large pictures need not lie in memory as numbers.
export async function mixedFile({ base, look, other, share, strength, width, height }) {
  const bitmaps = await Promise.all([base, look, other].map((file) => file && createImageBitmap(file)));
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d");
  const strip = new OffscreenCanvas(width, STRIP).getContext("2d", { willReadFrequently: true });
  for (let top = 0; top < height; top += STRIP) {
    const rows = Math.min(STRIP, height - top);
    const [b, l, o] = bitmaps.map((bitmap) => {
      if (!bitmap) return null;
      strip.clearRect(0, 0, width, STRIP);
      strip.drawImage(bitmap, 0, -top, width, height);
      return strip.getImageData(0, 0, width, rows).data;
    });
    const mixed = new ImageData(width, rows);
    mix(b, l, o, share, strength, mixed.data);
    context.putImageData(mixed, 0, top);
    if (top % (16 * STRIP) === 0) await new Promise((done) => setTimeout(done)); // the page goes on meanwhile
  }
  bitmaps.forEach((bitmap) => bitmap?.close());
  return canvas.convertToBlob({ type: "image/png" });
}
