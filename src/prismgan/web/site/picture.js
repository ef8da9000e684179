// Decodes a picture's file to pixels, or throws an error with a message for the user.

const wrong = (text) => Object.assign(new Error(text), { forPeople: true });
const SMALLEST = 16; // pixels of a side, as everywhere in prismgan

// ImageData of RGB, upright; transparency is composited on white.
export async function pixelsOf(file, most) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    throw wrong("The file is not a picture that this browser can read, or it is damaged. Save it as PNG or JPEG.");
  }
  const { width, height } = bitmap;
  try {
    if (width * height > most) {
      const count = (pixels) => `${(pixels / 1e6).toFixed(1)} megapixels`;
      throw wrong(`The picture has ${count(width * height)}, but the limit is ${count(most)}. Make it smaller, or use prismgan render.`);
    }
    if (Math.min(width, height) < SMALLEST) throw wrong(`The picture has ${width} \u00d7 ${height} pixels; both sides must have at least ${SMALLEST}.`);
    const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
    context.fillStyle = "#fff";
    context.fillRect(0, 0, width, height);
    context.drawImage(bitmap, 0, 0);
    return context.getImageData(0, 0, width, height);
  } finally {
    bitmap.close();
  }
}

// The requested part of the pixels: reduced to a longer side, cropped, or all of them.
export function partOf(pixels, { side, crop } = {}) {
  if (!side && !crop) return pixels;
  const [left, top, width, height] = crop ?? [0, 0, pixels.width, pixels.height];
  const factor = Math.min(1, (side ?? Infinity) / Math.max(width, height));
  const canvas = new OffscreenCanvas(pixels.width, pixels.height);
  canvas.getContext("2d").putImageData(pixels, 0, 0);
  // In steps of a half, because browsers skip pixels if they reduce by more at once.
  let from = { picture: canvas, box: [left, top, width, height] };
  for (const share of steps(factor)) {
    const smaller = new OffscreenCanvas(Math.max(1, Math.round(width * share)), Math.max(1, Math.round(height * share)));
    const context = smaller.getContext("2d", { willReadFrequently: true });
    context.imageSmoothingQuality = "high";
    context.drawImage(from.picture, ...from.box, 0, 0, smaller.width, smaller.height);
    from = { picture: smaller, box: [0, 0, smaller.width, smaller.height], context };
  }
  return from.context.getImageData(0, 0, from.picture.width, from.picture.height);
}

function steps(factor) {
  const found = [];
  for (let share = 1 / 2; share > factor; share /= 2) found.push(share);
  return [...found, factor];
}
