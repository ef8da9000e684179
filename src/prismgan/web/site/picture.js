// A picture's file as pixels, or words that say what is wrong with it.

const wrong = (text) => Object.assign(new Error(text), { forPeople: true });
const SMALLEST = 16; // pixels of a side, as everywhere in prismgan

// ImageData of RGB, the right way up; transparency is put on white.
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
      throw wrong(`The picture has ${count(width * height)}, and ${count(most)} are taken here. Make it smaller, or use prismgan render.`);
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
