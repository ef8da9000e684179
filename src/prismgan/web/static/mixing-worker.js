// Strength and blend, as the renderer computes them: base + strength * (share-weighted looks - base), in 8 bits.

// Arrays of RGBA of one length; `other` may be null. `into` clips and rounds, being a Uint8ClampedArray.
function mix(base, look, other, share, strength, into) {
  const keep = 1 - share;
  if (!other || share === 0) {
    if (strength === 1) into.set(look);
    else for (let i = 0; i < into.length; i++) into[i] = base[i] + strength * (look[i] - base[i]);
    return;
  }
  for (let i = 0; i < into.length; i++) {
    into[i] = base[i] + strength * (keep * look[i] + share * other[i] - base[i]);
  }
}

const ROOM = 40e6; // pixels that are kept decoded, beside those in use
const kept = new Map(); // by file and size, what was used longest ago first

async function decoded({ name, file }, width, height) {
  const key = `${name} ${width}x${height}`;
  const found = kept.get(key) ?? decode(file, width, height);
  kept.delete(key);
  kept.set(key, found);
  let room = ROOM;
  for (const [one, picture] of [...kept].reverse()) {
    const [w, h] = one.split(" ")[1].split("x");
    room -= w * h;
    if (room < 0 && picture !== found) kept.delete(one);
  }
  found.catch(() => kept.delete(key));
  return found;
}

async function decode(file, width, height) {
  const bitmap = await createImageBitmap(file, { resizeWidth: width, resizeHeight: height, resizeQuality: "high" });
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return context.getImageData(0, 0, width, height);
}

const STRIP = 256;

const answers = {
  async pixels({ files: [file], width, height }) {
    const { data } = await decoded(file, width, height);
    return new ImageData(data.slice(), width, height);
  },

  async mixed({ files, share, strength, width, height }) {
    const [base, look, other] = await Promise.all(files.map((file) => file && decoded(file, width, height)));
    const into = new ImageData(width, height);
    mix(base.data, look.data, other?.data, share, strength, into.data);
    return into;
  },

  // In strips, so that several large pictures need not lie in memory as numbers.
  async mixedFile({ files, share, strength, width, height }) {
    const bitmaps = await Promise.all(files.map((file) => file && createImageBitmap(file.file)));
    const canvas = new OffscreenCanvas(width, height);
    const context = canvas.getContext("2d");
    const strip = new OffscreenCanvas(width, STRIP).getContext("2d", { willReadFrequently: true });
    for (let top = 0; top < height; top += STRIP) {
      const rows = Math.min(STRIP, height - top);
      const [base, look, other] = bitmaps.map((bitmap) => {
        if (!bitmap) return null;
        strip.clearRect(0, 0, width, STRIP);
        strip.drawImage(bitmap, 0, -top, width, height);
        return strip.getImageData(0, 0, width, rows).data;
      });
      const into = new ImageData(width, rows);
      mix(base, look, other, share, strength, into.data);
      context.putImageData(into, 0, top);
    }
    bitmaps.forEach((bitmap) => bitmap?.close());
    return canvas.convertToBlob({ type: "image/png" });
  },
};

onmessage = async ({ data: { number, kind, ...wanted } }) => {
  try {
    const answer = await answers[kind](wanted);
    postMessage({ number, answer }, answer instanceof ImageData ? [answer.data.buffer] : []);
  } catch (error) {
    postMessage({ number, wrong: `The picture cannot be shown (${error.message}). A smaller one may do.` });
  }
};
