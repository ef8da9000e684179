// Pictures as pixels, and looks mixed with each other and the photo. All of it happens in a worker, so that the page never waits.

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

// A file's pixels at this size, as ImageData.
export const pixels = (file, width, height) => ask("pixels", [file], { width, height });

// Strength and blend at this size, as ImageData; `base` is the enlarged photo, `other` may be null.
export const mixed = ({ base, look, other, ...wanted }) => ask("mixed", [base, look, other], wanted);

// The same as a PNG of this, the full, size.
export const mixedFile = ({ base, look, other, ...wanted }) => ask("mixedFile", [base, look, other], wanted);
