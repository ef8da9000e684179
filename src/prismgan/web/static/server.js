// What the page asks of the server. Every failure is an Error whose message a person can read.

export class Forgotten extends Error {}
export class Unreachable extends Error {}

const UNREACHABLE = "The server does not answer. Is it still running? Start it with: prismgan serve";

async function ask(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Unreachable(UNREACHABLE);
  }
  if (answer.ok) return answer;
  const body = await answer.json().catch(() => ({}));
  const message = sentence(body.error ?? `The server answered ${answer.status}.`);
  throw answer.status === 404 ? new Forgotten(message) : new Error(message);
}

function sentence(text) {
  return text.charAt(0).toUpperCase() + text.slice(1) + (/[.?!]$/.test(text) ? "" : ".");
}

const inJson = (content) => ({
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify(content),
});

export const tasks = async () => (await ask("/api/tasks")).json();
export const blob = async (path, signal) => (await ask(path, { signal })).blob();
export const render = async (picture, wanted) => (await ask(`/api/pictures/${picture}/renders`, inJson(wanted))).json();
export const learn = async (wanted) => (await ask("/api/styles", inJson(wanted))).json();

export async function upload(file, signal) {
  const form = new FormData();
  form.append("file", file, "picture"); // its name is nobody's business
  return (await ask("/api/pictures", { method: "POST", body: form, signal })).json();
}

// Also while the page is left; whether it succeeds, nobody is there to be told.
export function forget(kind, id) {
  fetch(`/api/${kind}/${id}`, { method: "DELETE", keepalive: true }).catch(() => {});
}

const over = (state) => ["done", "failed", "cancelled"].includes(state.state);

// Tells of every change of a job until it is over, and returns its last state. Where the WebSocket breaks, it asks.
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
      if (error instanceof Forgotten || error.name === "AbortError" || ++failures >= 5) throw error;
    }
    await new Promise((done) => setTimeout(done, 700));
  }
}

function watch(place, changed, preview, signal) {
  return new Promise((done, fail) => {
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
