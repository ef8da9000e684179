// Pictures as pixels, and looks mixed with each other and the photo, all in a worker, so that the page never waits.

const worker = new Worker(new URL("mixing-worker.js", import.meta.url), { type: "module" });
const waiting = new Map(); // by number of the question
const names = new WeakMap(); // of files, for the worker, which gets another copy of the handle every time
let asked = 0;
let named = 0;

worker.onmessage = ({ data: { number, answer, wrong } }) => {
  const { done, fail } = waiting.get(number);
  waiting.delete(number);
  if (wrong) fail(new Error(wrong));
  else done(answer);
};

function ask(kind, files, wanted) {
  const known = files.map((file) => {
    if (!file) return null;
    if (!names.has(file)) names.set(file, ++named);
    return { name: names.get(file), file };
  });
  return new Promise((done, fail) => {
    waiting.set(++asked, { done, fail });
    worker.postMessage({ number: asked, kind, files: known, ...wanted });
  });
}

// A file's pixels at this size, as an ImageBitmap.
export const pixels = (file, width, height) => ask("pixels", [file], { width, height });

// Strength and blend at this size, as an ImageBitmap; `base` is the enlarged photo, `other` may be null.
export const mixed = ({ base, look, other, ...wanted }) => ask("mixed", [base, look, other], wanted);

// The same as a PNG of this size, the full one.
export const mixedFile = ({ base, look, other, ...wanted }) => ask("mixedFile", [base, look, other], wanted);

// A picture's file in another format, of a quality from 0 to 1.
export const converted = (file, type, quality) => ask("converted", [file], { type, quality });

// The same area of two pictures, side by side, each on half of the width, as an ImageBitmap. The area is
// { left, top, width, height } as fractions of the pictures' sides.
export const halves = ({ first, second, place, width, height }) => ask("halves", [first, second], { place, width, height });

// The most detailed area, preferably in the middle: the upper left corner, as fractions of the picture, of a window of this fraction of its sides.
export const busiest = (file, share) => ask("busiest", [file], { share });
