// The current picture, its finished looks, and how each is shown.
import { paintedSide } from "./brush.js";
import * as engine from "./engine.js";
import { Forgotten } from "./errors.js";
import * as keeping from "./keeping.js";
import { busiest, halves, mixed, mixedFile } from "./mixing.js";
import { stem } from "./saving.js";

export const NATURAL = { strength: 1, other: "", share: 0.5, brush: null, seed: 0 };
const LARGE = 1e6; // pixels; of larger pictures a preview comes first
const PREVIEW = 600; // pixels of its longer side
const RESTORING = new Set(["restore", "super_resolution"]);
const ORDER = ["style", "cartoon", "derived"]; // impressive kinds first, restoration last

// Looks whose effect is visible only when magnified.
export const restores = (task) => RESTORING.has(task.kind) || task.scale > 1;

export function ordered(tasks) {
  const rank = (task) => (restores(task) ? ORDER.length + 1 : (ORDER.indexOf(task.kind) + ORDER.length + 1) % (ORDER.length + 1));
  return tasks.map((task, place) => ({ task, place })).sort((a, b) => rank(a.task) - rank(b.task) || a.place - b.place).map(({ task }) => task);
}

// A result is { file, lossless, exact, width, height, part }: a file for display, whether it is exact, a function that
// returns the exact PNG (null if that has to be rendered again), and the rendered part of the picture: null for all of
// it, { side } for a reduced one, { crop } for a crop.
export class Look {
  constructor(task, session) {
    const { name, title, scale, varies, fine } = task;
    Object.assign(this, { name, title, scale, varies, painted: !fine, restores: restores(task), session });
    this.width = session.width * task.scale;
    this.height = session.height * task.scale;
    this.results = new Map(); // by variant
    this.controls = { ...NATURAL };
  }

  get ready() {
    return this.results.size > 0;
  }

  get result() {
    return this.results.get(variant(this.controls)) ?? this.results.values().next().value;
  }

  get whole() {
    return this.ready && this.result.part === null;
  }

  // Whether a picture of the whole photo can be shown.
  get showable() {
    return this.ready && !this.result.part?.crop;
  }

  get natural() {
    return Object.entries(NATURAL).every(([key, value]) =>
      this.controls[key] === value || (key === "share" && !this.controls.other));
  }

  add(made, result) {
    if (this.results.get(made)?.part === null && result.part !== null) return;
    this.results.set(made, result);
    this.session.keep(this, made, result);
  }

  // Renders it at full size, with the seed and brush of the controls.
  async complete({ changed, signal } = {}) {
    const { seed, brush } = this.controls;
    const made = this.results.get(variant(this.controls));
    if (made?.part === null && made.exact) return;
    await this.session.render([this.name], { seed, brush, changed, signal });
  }

  // Renders it with another seed or brush, at the size that is currently shown.
  async vary(controls, signal) {
    const { seed, brush } = { ...this.controls, ...controls };
    if (this.results.has(variant({ seed, brush }))) return;
    const part = this.result.part?.crop ? null : this.result.part;
    await this.session.render([this.name], { seed, brush, part, signal });
  }

  // The brush's width, in percent of the default width; a wider brush means a smaller longest side for painting.
  get brushWidth() {
    const { brush } = this.controls;
    return brush === null ? 100 : Math.round((100 * this.session.longestPainted) / brush);
  }

  brushOf(percent) {
    if (percent === 100) return null;
    return Math.max(this.session.brush.smallest, Math.round((100 * this.session.longestPainted) / percent));
  }

  other() {
    const other = this.session.looks.get(this.controls.other);
    return other?.showable ? other : null;
  }

  // The look mixed according to the controls, at this size, as an ImageBitmap.
  async mixed(width, height) {
    const { strength, share } = this.controls;
    const other = this.other()?.result.file;
    const base = strength === 1 && !other ? null : await this.session.base(this.scale, this.result.part);
    return mixed({ base, look: this.result.file, other, share, strength, width, height });
  }

  // A magnified detail, for a card of this size: of the photo on its left half, of the look on its right half.
  async detail(width, height) {
    const { session, result } = this;
    const place = await session.place(width / 2, height, this.scale);
    const crop = result.part?.crop;
    const inCrop = crop && { // the same place as fractions of the rendered part
      left: (place.left * session.width - crop[0]) / crop[2],
      top: (place.top * session.height - crop[1]) / crop[3],
      width: place.width * session.width / crop[2],
      height: place.height * session.height / crop[3],
    };
    const base = await session.base(1, crop ? result.part : null);
    return halves({ first: base, second: result.file, place: inCrop ?? place, width, height });
  }

  // The exact PNG at full size, with the strength and blend of the controls.
  async saved(options) {
    await this.complete(options);
    const { strength, share } = this.controls;
    const other = this.other();
    if (strength === 1 && !other) return this.result.exact();
    if (other) await other.complete(options);
    const base = await this.session.base(this.scale);
    const { width, height } = this;
    return mixedFile({ base, look: this.result.file, other: other?.result.file, share, strength, width, height });
  }

  // "60 % + Comic 50 %", or empty if the look is unchanged.
  get note() {
    const { strength, share, brush, seed } = this.controls;
    const parts = [];
    if (this.scale > 1) parts.push(`${this.width} \u00d7 ${this.height}`);
    if (this.other()) parts.push(`+ ${this.other().title} ${Math.round(share * 100)} %`);
    if (strength !== 1) parts.push(`${Math.round(strength * 100)} %`);
    if (brush) parts.push(`brush ${this.brushWidth} %`);
    if (seed) parts.push(`variation ${seed}`);
    return parts.join("  ");
  }

  // The name of its file, without the extension; it contains all changed settings.
  get fileName() {
    const { strength, share, brush, seed } = this.controls;
    const parts = [this.session.stem, this.name];
    if (strength !== 1) parts.push(`strength-${Math.round(strength * 100)}`);
    if (this.other()) parts.push(this.other().name, Math.round(share * 100));
    if (brush) parts.push(`brush-${brush}`);
    if (seed) parts.push(`seed-${seed}`);
    return parts.join("-");
  }
}

// The key of results, which are rendered again if one of these controls changes.
const variant = ({ seed, brush }) => `${seed} ${brush ?? "default"}`;

// One picture with its looks.
export class Session {
  // `about` is { name, width, height, tasks, brush }, tasks being names and the brush the engine's; `picture` is the engine's, null where it has to be
  // sent again; `key` names it in the store.
  constructor(file, about, picture, key) {
    const { name, width, height, tasks, brush } = about;
    Object.assign(this, { file, key, name, width, height, tasks, brush });
    this.opening = picture && Promise.resolve(picture);
    this.looks = new Map();
    this.bases = new Map();
    this.left = new AbortController();
    this.signal = this.left.signal;
    this.large = this.width * this.height > LARGE;
  }

  // The part that is rendered for a preview of these looks.
  get reduced() {
    return this.large ? { side: PREVIEW } : null;
  }

  // The longest side in pixels at which looks are painted by default.
  get longestPainted() {
    return paintedSide(Math.max(this.width, this.height), this.brush);
  }

  // Renders looks; each is added to the others as soon as it is ready.
  async render(names, { seed = 0, brush = null, part = null, changed, made = () => {}, signal } = {}) {
    const stop = signal ? AbortSignal.any([this.signal, signal]) : this.signal;
    await this.ask((picture) => engine.render(picture, { tasks: names, seed, ...(brush && { brush }), ...part }, {
      changed,
      made: (name, result) => {
        this.looks.get(name).add(variant({ seed, brush }), { ...result, part });
        made(name);
      },
      signal: stop,
    }));
  }

  // The picture itself, at the size of looks of this scale and part.
  base(scale, part = null) {
    const what = `${scale} ${JSON.stringify(part)}`;
    if (!this.bases.has(what)) {
      const file = this.ask((picture) => engine.base(picture, scale, this.signal, part ?? {}));
      file.then((content) => keeping.put(this.key, `base ${what}`, content), () => this.bases.delete(what)); // so that it is requested again
      this.bases.set(what, file);
    }
    return this.bases.get(what);
  }

  // Uses the engine's picture, which is sent again if the engine has deleted it.
  async ask(work) {
    this.opening ??= this.sent();
    const before = this.opening;
    try {
      return await work(await before);
    } catch (error) {
      if (!(error instanceof Forgotten) || this.signal.aborted) throw error;
      if (this.opening === before) this.opening = this.sent();
      return work(await this.opening);
    }
  }

  sent() {
    const opening = engine.open(this.file, this.signal);
    opening.catch(() => (this.opening = null));
    return opening;
  }

  // The area that is shown magnified for looks of this scale, as fractions of the picture's sides, in a card of this
  // size. Looks of a larger scale show the middle of the area of the others.
  async place(width, height, scale) {
    const zoom = Math.max(2, scale);
    this.corner ??= this.base(1, this.reduced).then((file) => busiest(file, this.window(width, height, 2)));
    const outer = this.window(width, height, 2);
    const inner = this.window(width, height, zoom);
    const { left, top } = await this.corner;
    return { left: left + (outer.width - inner.width) / 2, top: top + (outer.height - inner.height) / 2, ...inner };
  }

  window(width, height, zoom) {
    return { width: Math.min(1, width / zoom / this.width), height: Math.min(1, height / zoom / this.height) };
  }

  // The part of a large picture that is rendered for cards of this size.
  async cut(width, height) {
    const { left, top, width: across, height: down } = await this.place(width / 2, height, 2);
    const x = Math.round(left * this.width);
    const y = Math.round(top * this.height);
    return { crop: [x, y, Math.min(this.width - x, Math.round(across * this.width)), Math.min(this.height - y, Math.round(down * this.height))] };
  }

  // So that it survives a reload.
  keep(look, made, { exact, ...result }) {
    keeping.put(this.key, `result ${look.name} ${made}`, result);
  }

  keepControls() {
    const controls = Object.fromEntries([...this.looks.values()].filter((look) => !look.natural).map((look) => [look.name, look.controls]));
    keeping.put(this.key, "controls", controls);
  }

  // The picture's name without its extension, for saved files.
  get stem() {
    return stem(this.name);
  }

  // Lets the engine delete it.
  leave() {
    this.left.abort(new DOMException("another picture was chosen", "AbortError"));
    this.opening?.then(engine.forget, () => {});
    this.opening = null;
  }
}
