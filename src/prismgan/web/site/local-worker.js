// The worker that computes in the browser: pictures come in, looks go out; local.js describes the messages.
import { BitmapFile } from "./bitmap-file.js";
import { Network } from "./network.js";
import { partOf, pixelsOf } from "./picture.js";

let description = null;
let limits = null;
let network = null; // a promise
const pictures = new Map(); // pixels by id
let known = 0;
const cancelled = new Set(); // numbers of cancelled jobs
class Cancelled extends Error {}

// One job after the other, because the runtime does one thing at a time.
let last = Promise.resolve();
function inTurn(work) {
  const mine = last.then(work);
  last = mine.catch(() => {});
  return mine;
}

// Lets messages be processed; one of them may cancel this job.
const channel = new MessageChannel();
const breath = () => new Promise((done) => {
  channel.port1.onmessage = done;
  channel.port2.postMessage(null);
});

const image = (id) => {
  const found = pictures.get(id);
  if (!found) throw new Cancelled();
  return found;
};

const answers = {
  async open({ file }) {
    const pixels = await pixelsOf(file, limits.pixels);
    pictures.set(++known, pixels);
    const { width, height } = pixels;
    const fitting = description.tasks.filter(({ scale }) => scale ** 2 * width * height <= limits.output_pixels);
    return { id: known, width, height, tasks: fitting.map(({ name }) => name) };
  },

  async base({ picture, scale, part }) {
    const pixels = partOf(image(picture), part);
    if (scale === 1) return BitmapFile.of(pixels);
    const one = await network;
    const file = new BitmapFile(pixels.width * scale, pixels.height * scale);
    await inTurn(() => one.enlarge(pixels, scale, file));
    return file.blob();
  },

  async render({ picture, tasks, seed, brush, part }, tell, checked) {
    tell({ state: "loading", progress: 0 });
    const one = await network;
    await inTurn(async () => {
      const pixels = partOf(image(picture), part);
      const files = new Map(tasks.map((name) => {
        const { scale } = one.tasks.get(name);
        return [name, new BitmapFile(pixels.width * scale, pixels.height * scale)];
      }));
      await one.render(pixels, files, { seed, brush }, {
        step: async (progress) => {
          await breath();
          checked();
          tell({ state: "running", progress });
        },
        made: (name) => {
          const { width, height } = files.get(name);
          tell({ name, file: { blob: files.get(name).blob(), width, height } });
          files.delete(name);
        },
      });
    });
  },

  async live({ bitmap, tasks }, tell, checked) {
    const one = await network;
    return inTurn(() => {
      checked();
      return one.live(bitmap, tasks);
    });
  },
};

onmessage = async ({ data: { kind, number, ...wanted } }) => {
  if (kind === "load") {
    ({ description, limits } = wanted);
    network = Network.load(description, wanted.runtime, inTurn);
    network.catch(() => {}); // reported by the next request
  } else if (kind === "cancel") cancelled.add(number);
  else if (kind === "forget") pictures.delete(wanted.picture);
  else {
    const checked = () => {
      if (cancelled.has(number)) throw new Cancelled();
    };
    try {
      const answer = await answers[kind](wanted, (told) => postMessage({ number, told }), checked);
      const transfer = Array.isArray(answer) ? answer : [];
      postMessage({ number, answer }, transfer);
    } catch (error) {
      if (!(error instanceof Cancelled)) console.error(error);
      postMessage({ number, wrong: inWords(error) });
    } finally {
      cancelled.delete(number);
    }
  }
};

function inWords(error) {
  if (error instanceof Cancelled) return "The picture was closed.";
  if (error.forPeople) return error.message;
  if (error instanceof RangeError || /memory|alloc/i.test(error.message)) return "This needs more memory than this browser gives a page. Try a smaller picture.";
  return `This browser cannot compute the looks (${error.message}). Try a newer one, or: prismgan serve`;
}
