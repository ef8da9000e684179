// The engine that computes in the browser, in a worker; see engine.js.
import { Unreachable } from "./errors.js";
import { isolated } from "./isolation.js";
import { mixedFile } from "./mixing.js";

export const can = { styles: false, video: false };
export const noClips = "Clips need the server, but this page works without one. Install prismgan, and run: prismgan serve";
export const words = {
  formats: "PNG, JPEG, WebP, AVIF, or any other format that this browser can display",
  privacy: "The looks are computed in this browser, and no picture leaves this machine. For reloads this browser keeps a copy, which is deleted some time after the tab is closed.",
  unreachable: "A part of this page is missing. Is there a connection? Load the page again.",
};
const LIMITS = { upload_bytes: 64_000_000, pixels: 16_000_000, output_pixels: 32_000_000 };

let worker = null;
const jobs = new Map(); // by number: callbacks for progress and for the end
let asked = 0;

// The site's description; the worker starts to load the network meanwhile.
export async function about() {
  const found = await described();
  worker ??= isolated().then(() => started(found));
  return { ...found, ...LIMITS };
}

async function described() {
  const answer = await fetch("about.json").catch(() => null);
  if (!answer?.ok) throw new Unreachable(words.unreachable);
  return answer.json();
}

function started(description) {
  const found = new Worker(new URL("local-worker.js", import.meta.url), { type: "module" });
  found.onmessage = ({ data: { number, told, answer, wrong } }) => {
    const job = jobs.get(number);
    if (!job) return; // it was cancelled
    if (told) job.told?.(told);
    else {
      jobs.delete(number);
      if (wrong) job.fail(new Error(wrong));
      else job.done(answer);
    }
  };
  const runtime = new URLSearchParams(location.search).get("runtime"); // "wasm" or "webgpu", to compare them
  found.postMessage({ kind: "load", description, runtime, limits: LIMITS });
  return found;
}

async function ask(kind, wanted, { told, signal, transfer = [] } = {}) {
  const to = await worker;
  signal?.throwIfAborted();
  const number = ++asked;
  let stop;
  try {
    return await new Promise((done, fail) => {
      jobs.set(number, { told, done, fail });
      stop = () => {
        to.postMessage({ kind: "cancel", number });
        jobs.delete(number);
        fail(signal.reason);
      };
      signal?.addEventListener("abort", stop);
      to.postMessage({ kind, number, ...wanted }, transfer);
    });
  } finally {
    signal?.removeEventListener("abort", stop);
  }
}

export const open = (file, signal) => ask("open", { file }, { signal });
export const base = (picture, scale, signal, part = {}) => ask("base", { picture: picture.id, scale, part }, { signal });
export const forget = (picture) => worker.then((to) => to.postMessage({ kind: "forget", picture: picture.id }));

export async function render(picture, { tasks, seed, brush, ...part }, { changed, made, signal }) {
  const told = ({ name, file, state, progress }) => {
    if (!name) return changed?.({ state, ahead: 0, progress });
    const { width, height } = file;
    const png = { base: null, look: file.blob, other: null, strength: 1, share: 0, width, height };
    made(name, { file: file.blob, lossless: true, exact: () => mixedFile(png), width, height });
  };
  changed?.({ state: "queued", ahead: 0 });
  await ask("render", { picture: picture.id, tasks, seed, brush, part }, { told, signal });
}

export const live = (bitmap, tasks, signal) => ask("live", { bitmap, tasks }, { signal, transfer: [bitmap] });
