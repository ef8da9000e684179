// A clip: chosen, its looks chosen, rendered with a preview, played side by side, and saved.
import { Choice } from "./choice.js";
import { Unreachable } from "./errors.js";
import { ordered } from "./looks.js";
import { cancelled } from "./messages.js";
import { Players } from "./players.js";
import { remaining } from "./remaining.js";
import { stem } from "./saving.js";
import * as server from "./server.js"; // no other engine renders clips

const NOT_PLAYED = "not played by this browser"; // it is rendered all the same
const $ = (id) => document.getElementById(id);

export class Video {
  // about: the server's abilities; entered: called when a clip replaces the previous content;
  // complain: called with an error, the file's name and, if it may help, a function that tries again.
  constructor({ about, entered, complain }) {
    Object.assign(this, { about, entered, complain, clip: null, job: null, latest: 0 });
    this.players = new Players({ play: $("clip-play"), place: $("clip-place"), time: $("clip-time"), sound: $("clip-sound") });
    this.choice = new Choice($("clip-looks"), { changed: () => this.ready() });
    $("choose-clip").hidden = false;
    $("choose-clip").addEventListener("click", () => $("clip-file").click());
    $("clip-file").addEventListener("change", () => {
      const [file] = $("clip-file").files;
      $("clip-file").value = "";
      if (file) this.take(file);
    });
    $("clip-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.render();
    });
    $("clip-source").addEventListener("error", () => ($("clip-size").textContent += `; ${NOT_PLAYED}`));
    $("clip-strength").addEventListener("input", () => ($("clip-strength-value").textContent = `${$("clip-strength").value} %`));
    $("clip-cancel").addEventListener("click", () => this.stop.abort(cancelled()));
    $("clip-again").addEventListener("click", () => this.choose());
  }

  get busy() {
    return !$("clip-progress-part").hidden;
  }

  async take(file) {
    const number = ++this.latest;
    const { upload_bytes: most } = this.about().clips;
    if (file.size > most) {
      this.complain(new Error(`The file has ${Math.round(file.size / 1e6)} MB, but the limit is ${Math.round(most / 1e6)} MB. Send a shorter clip.`), { file: file.name });
      return;
    }
    this.sending(true);
    try {
      const clip = await server.openClip(file);
      if (number !== this.latest) {
        server.drop("videos", clip.id);
        return;
      }
      this.leave();
      this.clip = { ...clip, job: null, name: file.name || "clip", stem: stem(file.name) || "clip", address: URL.createObjectURL(file) };
      this.entered();
      this.choose();
    } catch (error) {
      if (number === this.latest) this.complain(error, { file: file.name, again: error instanceof Unreachable ? () => this.take(file) : null });
    } finally {
      if (number === this.latest) this.sending(false);
    }
  }

  sending(is) {
    $("choose-clip").disabled = is;
    $("choose-clip").textContent = is ? "Sending" : "Choose a clip";
    $("clip-progress").hidden = !is;
    $("clip-progress").removeAttribute("value");
  }

  // The requested outputs.
  choose() {
    const { clip } = this;
    if (clip.job) server.drop("renders", clip.job);
    clip.job = null;
    this.show("form");
    $("clip-name").textContent = clip.name;
    const length = clip.seconds ? `, ${Math.round(clip.seconds)} s` : "";
    $("clip-size").textContent = `${clip.width} \u00d7 ${clip.height}${length}`;
    $("clip-work").style.setProperty("--shape", `${clip.width} / ${clip.height}`);
    $("clip-source").src = clip.address;
    const before = new Set(this.choice.chosen);
    this.choice.set(ordered(this.about().tasks).map(({ name, title, scale }) => ({
      name,
      title,
      chosen: before.has(name),
      why: clip.tasks.includes(name) ? "" : `${scale * clip.width} \u00d7 ${scale * clip.height} is too large`,
    })));
    this.ready();
    this.say("");
  }

  ready() {
    const none = this.choice.chosen.length === 0;
    $("clip-render").disabled = none;
    $("clip-why").textContent = none ? "Choose at least one look" : "";
  }

  async render() {
    const { clip } = this;
    const { chosen } = this.choice;
    const strength = Number($("clip-strength").value) / 100;
    this.stop = new AbortController();
    const { signal } = this.stop;
    this.show("progress");
    this.say("Waiting");
    const started = performance.now();
    let job = null;
    try {
      job = await server.renderClip(clip.id, {
        tasks: chosen,
        strength: strength === 1 ? {} : Object.fromEntries(chosen.map((name) => [name, strength])),
        grid: $("clip-grid").checked,
      });
      clip.job = job.id;
      signal.throwIfAborted();
      const state = await server.follow(job, {
        signal,
        changed: (now) => this.progress(now, started),
        preview: (file) => this.preview(file),
      });
      if (state.state !== "done") throw new Error(server.sentence(state.error ?? "The rendering was cancelled"));
      this.results(state);
    } catch (error) {
      if (job) server.drop("renders", job.id);
      if (clip !== this.clip) return;
      this.choose();
      if (signal.aborted) this.say("Cancelled");
      else this.complain(error, { file: clip.name });
    }
  }

  progress(state, started) {
    const { state: doing, ahead, done, total, progress: share } = state;
    if (doing === "running" && share) $("clip-progress").value = share;
    else $("clip-progress").removeAttribute("value");
    $("clip-frames").textContent = doing === "running" ? `${done}${total ? ` of ${total}` : ""} frames` : "";
    if (doing === "queued") this.say(ahead ? `Waiting for ${ahead} other${ahead > 1 ? "s" : ""}` : "Waiting");
    else if (doing === "running" && share < 1) {
      this.say(["Rendering", remaining(started, share)].filter(Boolean).join(", "));
    } else if (doing === "running") this.say("Putting the files together");
  }

  preview(file) {
    const image = $("clip-preview");
    const before = image.src;
    image.src = URL.createObjectURL(file);
    image.hidden = false;
    if (before) URL.revokeObjectURL(before);
  }

  results(state) {
    const { clip } = this;
    this.show("results");
    const titles = new Map(this.about().tasks.map((task) => [task.name, task.title]));
    const cards = [this.card("Clip", clip.address, "", `${clip.width} \u00d7 ${clip.height}`)];
    for (const { name, width, height, format } of state.outputs) {
      const title = titles.get(name) ?? "All side by side";
      const card = this.card(title, `/api/renders/${state.id}/${name}`, `${clip.stem}-${name}.${format}`, `${width} \u00d7 ${height}`);
      if (name === "grid") card.style.setProperty("--shape", `${width} / ${height}`);
      cards.push(card);
    }
    $("clip-cards").replaceChildren(...cards);
    this.players.set(cards.map((card) => card.querySelector("video")));
    this.say([`${state.outputs.length} clip${state.outputs.length > 1 ? "s are" : " is"} done.`, ...state.remarks.map(server.sentence)].join(" "));
  }

  card(title, address, file, size) {
    const item = document.createElement("li");
    const button = Object.assign(document.createElement("button"), { type: "button", className: "card", title: "Larger or smaller" });
    button.setAttribute("aria-label", `${title}, larger`);
    button.setAttribute("aria-pressed", "false");
    const frame = Object.assign(document.createElement("span"), { className: "frame" });
    const video = Object.assign(document.createElement("video"), { muted: true, playsInline: true, preload: "auto", src: address, tabIndex: -1 });
    const note = Object.assign(document.createElement("span"), { className: "note", textContent: size });
    video.addEventListener("error", () => (note.textContent = NOT_PLAYED));
    frame.append(video);
    button.append(frame);
    button.addEventListener("click", () => button.setAttribute("aria-pressed", String(item.classList.toggle("wide"))));
    const label = Object.assign(document.createElement("p"), { className: "label" });
    label.append(Object.assign(document.createElement("span"), { textContent: title }), note);
    if (file) label.append(Object.assign(document.createElement("a"), { href: address, download: file, textContent: "Download", ariaLabel: `Download ${title}` }));
    item.append(button, label);
    return item;
  }

  // Shows one of the three sections.
  show(part) {
    for (const one of ["form", "progress", "results"]) $(`clip-${one}-part`).hidden = one !== part;
    $("clip-progress").hidden = $("clip-cancel").hidden = part !== "progress";
    $("clip-again").hidden = part !== "results";
    if (part === "progress") $("clip-preview").hidden = true;
    else $("clip-frames").textContent = "";
    if (part !== "results") {
      this.players.set([]);
      $("clip-cards").replaceChildren();
    }
    if (part !== "form") $("clip-source").pause();
    $("clip-name").focus(); // the focused element is gone
  }

  // Lets the server delete it, and cancels an upload in progress.
  leave() {
    this.latest++;
    this.sending(false);
    const { clip } = this;
    if (!clip) return;
    this.clip = null;
    this.stop?.abort(new DOMException("another one was chosen", "AbortError"));
    if (clip.job) server.drop("renders", clip.job);
    server.drop("videos", clip.id);
    this.players.set([]);
    $("clip-source").removeAttribute("src");
    URL.revokeObjectURL(clip.address);
  }

  say(text) {
    if ($("clip-status").textContent !== text) $("clip-status").textContent = text;
  }
}
