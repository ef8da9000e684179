// Several pictures, rendered one after the other: a list, progress, and one archive of all results.
import * as engine from "./engine.js";
import { Choice } from "./choice.js";
import { ordered } from "./looks.js";
import { cancelled, complain } from "./messages.js";
import { remaining } from "./remaining.js";
import { ending, inFormat, offerFormats, save, stem } from "./saving.js";
import { zip } from "./zip.js";

const $ = (id) => document.getElementById(id);
const made = (tag, properties) => Object.assign(document.createElement(tag), properties);

export class Batch {
  // about(): the engine's abilities; wanted(name): whether a look is chosen initially; chose(names): the choice changed.
  constructor({ about, wanted, chose }) {
    Object.assign(this, { about, wanted, rows: [], stop: null });
    this.choice = new Choice($("batch-looks"), { changed: (names) => {
      chose(names);
      this.show();
    } });
    offerFormats($("batch-format"), $("batch-quality"), $("batch-quality-value"));
    $("batch-render").addEventListener("click", () => this.render());
    $("batch-cancel").addEventListener("click", () => this.stop?.abort(cancelled()));
    $("batch-save").addEventListener("click", () => this.save());
  }

  // Adds files; the first ones show the looks to choose from.
  add(files) {
    if (this.rows.length === 0) this.choice.set(ordered(this.about().tasks).map(({ name, title }) => ({ name, title, chosen: this.wanted(name) })));
    for (const file of files) this.rows.push(this.row(file));
    this.show();
  }

  row(file) {
    const item = made("li", { className: "batch-row" });
    const image = made("img", { alt: "", src: URL.createObjectURL(file) });
    image.addEventListener("error", () => (image.hidden = true)); // the engine may read formats that this browser does not show, for example TIFF
    const name = made("span", { className: "batch-name", textContent: file.name });
    const note = made("span", { className: "caption", textContent: "Waiting" });
    const bar = made("progress", { max: 1, value: 0, hidden: true, ariaLabel: `Rendering ${file.name}` });
    const remove = made("button", { type: "button", className: "quiet round", textContent: "\u2715", ariaLabel: `Remove ${file.name}`, title: "Remove" });
    const text = made("div", { className: "batch-text" });
    text.append(name, note, bar);
    item.append(image, text, remove);
    $("batch-list").append(item);
    const row = { file, item, image, note, bar, remove, state: "waiting", results: [] };
    remove.addEventListener("click", () => {
      this.rows = this.rows.filter((one) => one !== row);
      this.drop(row);
      this.show();
    });
    return row;
  }

  drop({ item, image }) {
    URL.revokeObjectURL(image.src);
    item.remove();
  }

  show() {
    const open = this.rows.filter(({ state }) => state !== "done").length;
    const done = this.rows.length - open;
    const busy = this.stop !== null;
    $("batch-title").textContent = `${this.rows.length} picture${this.rows.length === 1 ? "" : "s"}`;
    $("batch-render").textContent = open === this.rows.length ? "Render all" : `Render the other ${open}`;
    $("batch-render").hidden = busy || open === 0;
    $("batch-render").disabled = this.choice.chosen.length === 0;
    $("batch-cancel").hidden = $("batch-progress").hidden = !busy;
    $("batch-save").hidden = busy || done === 0;
    $("batch-options").disabled = busy || done > 0; // one archive has one set of looks
    this.rows.forEach(({ remove }) => (remove.disabled = busy));
  }

  async render() {
    const { signal } = (this.stop = new AbortController());
    this.show();
    const rows = this.rows.filter(({ state }) => state !== "done");
    const started = performance.now();
    for (const [i, row] of rows.entries()) {
      const progress = (within) => {
        row.bar.value = within;
        $("batch-progress").value = (i + within) / rows.length;
        this.say([`Picture ${i + 1} of ${rows.length}`, remaining(started, (i + within) / rows.length)].filter(Boolean).join(", "));
      };
      progress(0);
      row.bar.hidden = false;
      row.note.textContent = "Rendering";
      row.item.scrollIntoView({ block: "nearest" });
      try {
        await this.renderOne(row, signal, progress);
      } catch (error) {
        if (signal.aborted) {
          row.note.textContent = "Waiting";
          row.bar.hidden = true;
          break;
        }
        row.state = "failed";
        row.note.textContent = error.message;
        row.item.classList.add("failed");
      }
      row.bar.hidden = true;
    }
    this.stop = null;
    this.show();
    const done = this.rows.filter(({ state }) => state === "done").length;
    const failed = this.rows.filter(({ state }) => state === "failed").length;
    this.say(`${signal.aborted ? "Cancelled: " : ""}${done} done${failed ? `, ${failed} not: the list says why` : ""}`);
  }

  async renderOne(row, signal, progress) {
    const { upload_bytes: most } = this.about();
    if (row.file.size > most) throw new Error(`The file has ${Math.round(row.file.size / 1e6)} MB, but the limit is ${Math.round(most / 1e6)} MB.`);
    row.item.classList.remove("failed");
    const picture = await engine.open(row.file, signal);
    try {
      const names = this.choice.chosen.filter((name) => picture.tasks.includes(name));
      if (names.length === 0) throw new Error("The chosen looks would be too large.");
      const results = [];
      await engine.render(picture, { tasks: names, seed: 0 }, {
        signal,
        changed: ({ state, progress: share }) => state === "running" && progress(share),
        made: (name, result) => results.push([name, result]),
      });
      // While the engine still has it; these files go into the archive.
      row.results = await Promise.all(results.map(async ([name, { exact }]) => [name, await inFormat(await exact())]));
      signal.throwIfAborted();
      row.state = "done";
      const left = this.choice.chosen.length - names.length;
      row.note.textContent = `${names.length} looks${left ? `; ${left} would be too large` : ""}`;
    } finally {
      engine.forget(picture);
    }
  }

  // One folder per picture; pictures of the same name get a number.
  async save() {
    $("batch-save").disabled = true;
    try {
      const taken = new Map();
      const files = [];
      for (const { file, results, state } of this.rows) {
        if (state !== "done") continue;
        const name = stem(file.name);
        const count = (taken.get(name) ?? 0) + 1;
        taken.set(name, count);
        const folder = count > 1 ? `${name}-${count}` : name;
        for (const [look, content] of results) files.push([`${folder}/${name}-${look}.${endingOf(content)}`, content]);
      }
      save(await zip(files), "looks.zip");
      this.say(`${files.length} files are in looks.zip`);
    } catch (error) {
      complain(error);
    } finally {
      $("batch-save").disabled = false;
    }
  }

  leave() {
    this.stop?.abort(cancelled());
    this.rows.forEach((row) => this.drop(row));
    this.rows = [];
    this.say("");
  }

  say(text) {
    if ($("batch-status").textContent !== text) $("batch-status").textContent = text;
  }
}

const endingOf = ({ type }) => ({ "image/png": "png", "image/jpeg": "jpg", "image/webp": "webp" })[type] ?? ending().slice(1);
