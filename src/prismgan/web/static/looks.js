// A look of the present picture: its files, by variation, and how it is to be shown.
import * as engine from "./engine.js";
import { mixed, mixedFile } from "./mixing.js";
import { stem } from "./saving.js";

const NATURAL = { strength: 1, other: "", share: 0.5, seed: 0 };

export class Look {
  constructor(task, session) {
    Object.assign(this, { name: task.name, title: task.title, scale: task.scale, varies: task.varies, session });
    this.width = session.width * task.scale;
    this.height = session.height * task.scale;
    this.results = new Map(); // by seed
    this.controls = { ...NATURAL };
  }

  get ready() {
    return this.results.size > 0;
  }

  get natural() {
    return Object.entries(NATURAL).every(([key, value]) =>
      this.controls[key] === value || (key === "share" && !this.controls.other));
  }

  // Has a variation made that is not there yet.
  async vary(seed) {
    if (this.results.has(seed)) return;
    const made = (_, result) => this.results.set(seed, result);
    await engine.render(this.session.picture, { tasks: [this.name], seed }, { made, signal: this.session.signal });
  }

  get result() {
    return this.results.get(this.controls.seed) ?? this.results.values().next().value;
  }

  other() {
    const found = this.session.looks.get(this.controls.other);
    return found?.ready ? found : null;
  }

  // Mixed as the controls say, at this size.
  async mixed(width, height) {
    const { strength, share } = this.controls;
    const other = this.other()?.result.file;
    const base = await this.session.base(this.scale);
    return mixed({ base, look: this.result.file, other, share, strength, width, height });
  }

  // What is saved: the engine's own file where nothing was changed, else mixed at full size.
  async saved() {
    const { strength, share } = this.controls;
    const other = this.other()?.result.file;
    if (strength === 1 && !other) return this.result.exact();
    const base = await this.session.base(this.scale);
    const { width, height } = this;
    return mixedFile({ base, look: this.result.file, other, share, strength, width, height });
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
    Object.assign(this, { picture, width: picture.width, height: picture.height, name });
    this.looks = new Map();
    this.bases = new Map();
    this.left = new AbortController();
    this.signal = this.left.signal;
  }

  // The picture itself, as large as looks of this scale.
  base(scale) {
    if (!this.bases.has(scale)) {
      const file = engine.base(this.picture, scale, this.signal);
      file.catch(() => this.bases.delete(scale)); // so that it is asked for again
      this.bases.set(scale, file);
    }
    return this.bases.get(scale);
  }

  // The picture's name without its ending, for files that are saved.
  get stem() {
    return stem(this.name) || "picture";
  }

  // So that the engine can forget it.
  leave() {
    this.left.abort(new DOMException("another picture was chosen", "AbortError"));
    engine.forget(this.picture);
  }
}

export { NATURAL };
