// The engine that uses `prismgan serve`; see engine.js. Below are the functions that need a server: new styles and clips.
import { Forgotten, Unreachable } from "./errors.js";

export const can = { styles: true, video: true };
export const noClips = "Clips need a package that is not installed on this server. Install it with: pip install 'prismgan[video]'";
export const words = {
  formats: "PNG, JPEG, WebP, TIFF or AVIF",
  privacy: "Pictures go only to this server, which deletes them when you leave. For reloads this browser keeps a copy, which is deleted some time after the tab is closed.",
  unreachable: "The server does not answer. Is it still running? Start it with: prismgan serve",
};
const EXACT = 3e6; // pixels; larger ones come as JPEG, which is faster, and as PNG when they are saved

async function ask(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch (error) {
    options.signal?.throwIfAborted();
    throw new Unreachable(words.unreachable);
  }
  if (answer.ok) return answer;
  const body = await answer.json().catch(() => ({}));
  const message = sentence(body.error ?? `The server answered ${answer.status}.`);
  throw answer.status === 404 ? new Forgotten(message) : new Error(message);
}

export function sentence(text) {
  return text.charAt(0).toUpperCase() + text.slice(1) + (/[.?!]$/.test(text) ? "" : ".");
}

// The promise's value, or the reason of the abort if that comes first.
function unlessAborted(promise, signal) {
  return new Promise((done, fail) => {
    if (signal.aborted) fail(signal.reason);
    signal.addEventListener("abort", () => fail(signal.reason), { once: true });
    promise.then(done, fail);
  });
}

const inJson = (content) => ({
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify(content),
});

export const blob = async (path, signal) => (await ask(path, { signal })).blob();

export async function about() {
  const found = await (await ask("/api/tasks")).json();
  return { ...found, samples: found.samples.map((one) => ({ ...one, address: `/api/samples/${one.name}` })) };
}

async function sent(place, file, signal) {
  const form = new FormData();
  form.append("file", file, "file"); // the server does not need its name
  return (await ask(place, { method: "POST", body: form, signal })).json();
}

export async function open(file, signal) {
  return { ...(await sent("/api/pictures", file, signal)), jobs: new Set() };
}

// Parts are only for display, so they are fetched as JPEG.
const format = (picture, scale, part) => (!part && scale ** 2 * picture.width * picture.height <= EXACT ? "png" : "jpg");

export function base(picture, scale, signal, { side, crop } = {}) {
  const wanted = new URLSearchParams({ scale, format: format(picture, scale, side || crop) });
  if (side) wanted.set("side", side);
  if (crop) wanted.set("crop", crop);
  return blob(`/api/pictures/${picture.id}?${wanted}`, signal);
}

export async function render(picture, wanted, { changed, made, signal }) {
  const part = wanted.side || wanted.crop;
  const fetched = new Map(); // promises, by name
  const fetchReady = (id, { outputs }) => {
    for (const { name, width, height, ready } of outputs) {
      if (!ready || fetched.has(name)) continue;
      const place = `/api/renders/${id}/${name}`;
      const kind = format(picture, width / picture.width, part);
      const exact = async () => (kind === "png" ? file : blob(`${place}?format=png`));
      let file = null;
      const done = blob(`${place}?format=${kind}`, signal).then((content) => {
        file = content;
        made(name, { file, lossless: kind === "png", exact, width, height });
      });
      done.catch(() => {}); // reported at the end
      fetched.set(name, done);
    }
  };
  const asking = ask(`/api/pictures/${picture.id}/renders`, inJson(wanted)).then((answer) => answer.json());
  asking.then(({ id }) => signal.aborted && drop("renders", id), () => {}); // also if the request was aborted
  const job = await unlessAborted(asking, signal);
  picture.jobs.add(job.id); // its results are requested again when they are saved
  const stop = () => drop("renders", job.id);
  signal.addEventListener("abort", stop);
  try {
    const state = await follow(job, {
      signal,
      changed: (now) => {
        fetchReady(job.id, now);
        changed?.(now);
      },
    });
    if (state.state !== "done") throw new Error(sentence(state.error ?? "The rendering was cancelled"));
    fetchReady(job.id, state);
    changed?.({ ...state, state: "fetching" });
    await Promise.all(fetched.values());
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

// The looks of a frame are below one another.
export async function live(bitmap, names, signal) {
  const { width, height } = bitmap;
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext("2d").drawImage(bitmap, 0, 0);
  bitmap.close();
  const form = new FormData();
  form.append("file", await canvas.convertToBlob({ type: "image/jpeg", quality: 0.9 }), "frame");
  const wanted = new URLSearchParams(names.map((name) => ["tasks", name]));
  const sheet = await (await ask(`/api/frames?${wanted}`, { method: "POST", body: form, signal })).blob();
  return Promise.all(names.map((_, i) => createImageBitmap(sheet, 0, i * height, width, height)));
}

export function forget(picture) {
  picture.jobs?.forEach((id) => drop("renders", id));
  drop("pictures", picture.id);
}

// Also works while the page is being closed; its result is ignored.
export function drop(kind, id) {
  fetch(`/api/${kind}/${id}`, { method: "DELETE", keepalive: true }).catch(() => {});
}

export const openClip = (file) => sent("/api/videos", file);
export const renderClip = async (id, wanted) => (await ask(`/api/videos/${id}/renders`, inJson(wanted))).json();
export const learn = async (wanted) => (await ask("/api/styles", inJson(wanted))).json();

const over = (state) => ["done", "failed", "cancelled"].includes(state.state);

// Reports every change of a job until it ends, and returns its last state. If the WebSocket fails, it polls.
export async function follow(job, { changed = () => {}, preview = () => {}, signal } = {}) {
  const place = `/api/${job.kind}s/${job.id}`;
  const last = over(job) ? job : await watch(place, changed, preview, signal);
  if (last) return last;
  for (let failures = 0, shown = 0; ; ) {
    signal?.throwIfAborted();
    try {
      const state = await (await ask(place, { signal })).json();
      failures = 0;
      changed(state);
      if (state.previews > shown) {
        shown = state.previews;
        preview(await blob(`${place}/preview`, signal));
      }
      if (over(state)) return state;
    } catch (error) {
      if (error instanceof Forgotten || signal?.aborted || ++failures >= 5) throw error;
    }
    await new Promise((done) => setTimeout(done, 700));
  }
}

function watch(place, changed, preview, signal) {
  return new Promise((done, fail) => {
    signal?.throwIfAborted();
    let socket;
    try {
      socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${place}/events`);
    } catch {
      done(null);
      return;
    }
    socket.binaryType = "blob";
    let last = null;
    socket.onmessage = ({ data }) => {
      if (signal?.aborted) return;
      if (data instanceof Blob) {
        preview(new Blob([data], { type: "image/jpeg" }));
        return;
      }
      last = JSON.parse(data);
      changed(last);
      if (over(last)) done(last);
    };
    socket.onclose = () => done(last && over(last) ? last : null);
    signal?.addEventListener("abort", () => {
      socket.close();
      fail(signal.reason);
    });
  });
}
