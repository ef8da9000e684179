// A look of the present picture: its files, by variation, and how it is to be shown.
import * as server from "./server.js";
import { mix, mixedFile, pixels } from "./mixing.js";

const NATURAL = { strength: 1, other: "", share: 0.5, seed: 0 };
const EXACT = 3e6; // pixels; larger ones come as JPEG, which is faster, and as PNG when they are saved

export class Look {
  constructor(task, session) {
    Object.assign(this, { name: task.name, title: task.title, scale: task.scale, varies: task.varies, session });
    this.width = session.width * task.scale;
    this.height = session.height * task.scale;
    this.files = new Map(); // by seed
    this.places = new Map(); // where the server has them, by seed
    this.controls = { ...NATURAL };
  }

  get ready() {
    return this.files.size > 0;
  }

  get natural() {
    return Object.entries(NATURAL).every(([key, value]) =>
      this.controls[key] === value || (key === "share" && !this.controls.other));
  }

  get format() {
    return this.width * this.height <= EXACT ? "png" : "jpg";
  }

  async fetch(job, seed) {
    const place = `/api/renders/${job.id}/${this.name}`;
    this.files.set(seed, await server.blob(`${place}?format=${this.format}`, this.session.signal));
    this.places.set(seed, place);
  }

  // Has the server make a variation that is not there yet.
  async vary(seed) {
    if (this.files.has(seed)) return;
    const job = await server.render(this.session.id, { tasks: [this.name], seed });
    const state = await server.follow(job, { signal: this.session.signal });
    if (state.state !== "done") throw new Error(state.error ?? "The variation was cancelled.");
    await this.fetch(job, seed);
  }

  file() {
    return this.files.get(this.controls.seed) ?? this.files.values().next().value;
  }

  other() {
    const found = this.session.looks.get(this.controls.other);
    return found?.ready ? found : null;
  }

  // Mixed as the controls say, at this size; null where something changed in the meantime.
  async mixed(width, height) {
    const { strength, share } = this.controls;
    const files = [await this.session.base(this.scale), this.file(), this.other()?.file()];
    const [base, look, other] = await Promise.all(files.map((file) => file && pixels(file, width, height)));
    const into = new ImageData(width, height);
    mix(base.data, look.data, other?.data ?? null, share, strength, into.data);
    return { base, into };
  }

  // What is saved: the server's own file where nothing was changed, else mixed at full size.
  async saved() {
    const { strength, share, seed } = this.controls;
    const other = this.other();
    const place = this.places.get(seed);
    if (strength === 1 && !other && place) {
      return this.format === "png" ? this.file() : server.blob(`${place}?format=png`, this.session.signal);
    }
    const base = await this.session.base(this.scale);
    const { width, height } = this;
    return mixedFile({ base, look: this.file(), other: other?.file(), share, strength, width, height });
  }

  // "60 % + Comic 50 %", or nothing where it is as it was learnt.
  get note() {
    const { strength, share, seed } = this.controls;
    const parts = [];
    if (this.scale > 1) parts.push(`${this.scale}\u00d7`);
    if (this.other()) parts.push(`+ ${this.other().title} ${Math.round(share * 100)} %`);
    if (strength !== 1) parts.push(`${Math.round(strength * 100)} %`);
    if (seed) parts.push(`variation ${seed}`);
    return parts.join("  ");
  }
}

// One picture with its looks, until the next one.
export class Session {
  constructor(picture, name) {
    Object.assign(this, { id: picture.id, width: picture.width, height: picture.height, fitting: picture.tasks, name });
    this.looks = new Map();
    this.bases = new Map();
    this.jobs = new Set();
    this.left = new AbortController();
    this.signal = this.left.signal;
  }

  // The picture itself, as large as looks of this scale.
  base(scale) {
    if (!this.bases.has(scale)) {
      const format = scale ** 2 * this.width * this.height <= EXACT ? "png" : "jpg";
      const file = server.blob(`/api/pictures/${this.id}?scale=${scale}&format=${format}`, this.signal);
      file.catch(() => this.bases.delete(scale)); // so that it is asked for again
      this.bases.set(scale, file);
    }
    return this.bases.get(scale);
  }

  // The picture's name without its ending, for files that are saved.
  get stem() {
    return this.name.replace(/\.[^.]*$/, "").replace(/[^\p{L}\p{N}._ -]/gu, "_") || "picture";
  }

  // So that the server can forget it.
  leave() {
    this.left.abort(new DOMException("another picture was chosen", "AbortError"));
    this.jobs.forEach((id) => server.forget("renders", id));
    server.forget("pictures", this.id);
  }
}

export { NATURAL };
