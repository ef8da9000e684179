// A clip: chosen, its looks chosen, rendered with a preview, played side by side, and saved.
import { Unreachable } from "./errors.js";
import { Players } from "./players.js";
import { stem } from "./saving.js";
import * as server from "./server.js"; // no other engine renders clips

const CHOOSING = ["choose-clip", "work-clip", "another-clip"]; // one button in every part of the page
const NOT_PLAYED = "not played by this browser"; // it is rendered all the same
const $ = (id) => document.getElementById(id);
const minutes = (seconds) => `${Math.ceil(seconds / 60)} minute${seconds > 60 ? "s" : ""}`;

export class Video {
  // about: what the server can make; entered: called when a clip takes the place of what was there;
  // complain: called with an error, and with what may be tried again.
  constructor({ about, entered, complain }) {
    Object.assign(this, { about, entered, complain, clip: null, job: null, latest: 0 });
    this.players = new Players({ play: $("clip-play"), place: $("clip-place"), time: $("clip-time"), sound: $("clip-sound") });
    for (const id of CHOOSING) {
      $(id).hidden = false;
      $(id).addEventListener("click", () => $("clip-file").click());
    }
    $("clip-file").addEventListener("change", () => {
      const [file] = $("clip-file").files;
      $("clip-file").value = "";
      if (file) this.take(file);
    });
    $("clip-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.render();
    });
    $("clip-form").addEventListener("change", () => this.ready());
    $("clip-source").addEventListener("error", () => ($("clip-size").textContent += `; ${NOT_PLAYED}`));
    $("clip-strength").addEventListener("input", () => ($("clip-strength-value").textContent = `${$("clip-strength").value} %`));
    $("clip-cancel").addEventListener("click", () => this.stop.abort(new Error("The rendering was cancelled.")));
    $("clip-again").addEventListener("click", () => this.choose());
  }

  takes(file) {
    return file.type.startsWith("video/");
  }

  async take(file) {
    const number = ++this.latest;
    const { upload_bytes: most } = this.about().clips;
    if (file.size > most) {
      this.complain(new Error(`The clip's file has ${Math.round(file.size / 1e6)} MB, and ${Math.round(most / 1e6)} MB are taken. Send a shorter one.`));
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
      if (number === this.latest) this.complain(error, error instanceof Unreachable ? () => this.take(file) : null);
    } finally {
      if (number === this.latest) this.sending(false);
    }
  }

  sending(is) {
    for (const id of CHOOSING) $(id).disabled = is;
    $("choose-clip").textContent = is ? "Sending" : "Choose a clip";
    $("clip-progress").hidden = !is;
    $("clip-progress").removeAttribute("value");
  }

  // What is to be made of it.
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
    const chosen = new Set([...$("clip-looks").querySelectorAll(":checked")].map((box) => box.value));
    $("clip-looks").replaceChildren(...this.about().tasks.map((task) => {
      const label = document.createElement("label");
      const box = Object.assign(document.createElement("input"), { type: "checkbox", name: "look", value: task.name });
      box.disabled = !clip.tasks.includes(task.name);
      box.checked = chosen.has(task.name) && !box.disabled;
      label.append(box, box.disabled ? `${task.title} (too large)` : task.title);
      return label;
    }));
    this.ready();
    this.say("");
  }

  get chosen() {
    return [...$("clip-looks").querySelectorAll(":checked")].map((box) => box.value);
  }

  ready() {
    $("clip-render").disabled = this.chosen.length === 0;
  }

  async render() {
    const { clip, chosen } = this;
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
      if (state.state !== "done") throw new Error(state.error ?? "The rendering was cancelled.");
      this.results(state);
    } catch (error) {
      if (job) server.drop("renders", job.id);
      if (clip !== this.clip) return;
      this.choose();
      this.complain(error);
    }
  }

  progress(state, started) {
    const { state: doing, ahead, done, total, progress: share } = state;
    if (doing === "running" && share) $("clip-progress").value = share;
    else $("clip-progress").removeAttribute("value");
    $("clip-frames").textContent = doing === "running" ? `${done}${total ? ` of ${total}` : ""} frames` : "";
    if (doing === "queued") this.say(ahead ? `Waiting for ${ahead} other${ahead > 1 ? "s" : ""}` : "Waiting");
    else if (doing === "running" && share < 1) {
      // Words change every minute at most: they are read aloud.
      const left = share > 0.02 ? ((performance.now() - started) / 1000 / share) * (1 - share) : 0;
      this.say(left > 90 ? `Rendering, about ${minutes(left)} left` : "Rendering");
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

  // One of the three parts.
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
    $("clip-name").focus(); // what had the focus is gone
  }

  // So that the server can forget it, and one that is being sent is not waited for.
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
