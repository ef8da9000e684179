// Strength and blend, as the renderer computes them: base + strength * (share-weighted looks - base), in 8 bits.

// Arrays of RGBA of one length; `other` may be null. `into` clips and rounds, being a Uint8ClampedArray.
function mix(base, look, other, share, strength, into) {
  const keep = 1 - share;
  if (!other || share === 0) {
    if (strength === 1) into.set(look); // the base may be missing then
    else for (let i = 0; i < into.length; i++) into[i] = base[i] + strength * (look[i] - base[i]);
    return;
  }
  for (let i = 0; i < into.length; i++) {
    into[i] = base[i] + strength * (keep * look[i] + share * other[i] - base[i]);
  }
}

const ROOM = 40e6; // pixels that are kept decoded, beside those in use
const kept = new Map(); // by file and size, the least recently used first

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

// Transferred to the page without a copy.
function asBitmap(image) {
  const canvas = new OffscreenCanvas(image.width, image.height);
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas.transferToImageBitmap();
}

const STRIP = 256;
const GLANCE = 256; // pixels of the longer side that are enough to see where most is

const answers = {
  async pixels({ files: [file], width, height }) {
    return asBitmap(await decoded(file, width, height));
  },

  async mixed({ files, share, strength, width, height }) {
    const [base, look, other] = await Promise.all(files.map((file) => file && decoded(file, width, height)));
    const into = new ImageData(width, height);
    mix(base?.data, look.data, other?.data, share, strength, into.data);
    return asBitmap(into);
  },

  // In strips, so that several large pictures need not be in memory as numbers.
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

  async converted({ files: [{ file }], type, quality }) {
    const bitmap = await createImageBitmap(file);
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
    const context = canvas.getContext("2d");
    if (type === "image/jpeg") {
      context.fillStyle = "#fff"; // beneath transparent pixels
      context.fillRect(0, 0, canvas.width, canvas.height);
    }
    context.drawImage(bitmap, 0, 0);
    bitmap.close();
    return canvas.convertToBlob({ type, quality });
  },

  async halves({ files, place, width, height }) {
    const canvas = new OffscreenCanvas(width, height);
    const context = canvas.getContext("2d");
    context.imageSmoothingQuality = "high";
    for (const [i, { file }] of files.entries()) {
      const bitmap = await createImageBitmap(file);
      const { left, top, width: across, height: down } = place;
      const half = width / 2;
      context.drawImage(bitmap, left * bitmap.width, top * bitmap.height, across * bitmap.width, down * bitmap.height, i * half, 0, half, height);
      bitmap.close();
    }
    return canvas.transferToImageBitmap();
  },

  async busiest({ files: [{ file }], share }) {
    const bitmap = await createImageBitmap(file);
    const factor = Math.min(1, GLANCE / Math.max(bitmap.width, bitmap.height));
    const width = Math.max(2, Math.round(bitmap.width * factor));
    const height = Math.max(2, Math.round(bitmap.height * factor));
    bitmap.close();
    const { data } = await decode(file, width, height);
    // Sums over everything above and left of a pixel, four of which give a window's sum.
    const sums = new Float64Array((width + 1) * (height + 1));
    const grey = (i) => data[i] + 2 * data[i + 1] + data[i + 2];
    for (let y = 0; y < height; y++) {
      let row = 0;
      for (let x = 0; x < width; x++) {
        const i = 4 * (y * width + x);
        const across = x + 1 < width ? Math.abs(grey(i + 4) - grey(i)) : 0;
        const down = y + 1 < height ? Math.abs(grey(i + 4 * width) - grey(i)) : 0;
        row += across + down;
        sums[(y + 1) * (width + 1) + x + 1] = sums[y * (width + 1) + x + 1] + row;
      }
    }
    const across = Math.min(width, Math.max(1, Math.round(share.width * width)));
    const down = Math.min(height, Math.max(1, Math.round(share.height * height)));
    let best = { left: 0, top: 0, sum: -1 };
    for (let top = 0; top + down <= height; top++) {
      for (let left = 0; left + across <= width; left++) {
        const at = (y, x) => sums[y * (width + 1) + x];
        const middle = 1 - Math.hypot((left + across / 2) / width - 0.5, (top + down / 2) / height - 0.5);
        const sum = middle * (at(top + down, left + across) - at(top, left + across) - at(top + down, left) + at(top, left));
        if (sum > best.sum) best = { left, top, sum };
      }
    }
    return { left: best.left / width, top: best.top / height };
  },
};

onmessage = async ({ data: { number, kind, ...wanted } }) => {
  try {
    const answer = await answers[kind](wanted);
    postMessage({ number, answer }, answer instanceof ImageBitmap ? [answer] : []);
  } catch (error) {
    postMessage({ number, wrong: `The picture cannot be shown (${error.message}). Try a smaller one.` });
  }
};
