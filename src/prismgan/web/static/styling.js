// A new style, learnt from one picture: its form, progress, previews, and the new weights.
import { cancelled } from "./messages.js";
import { remaining } from "./remaining.js";
import * as server from "./server.js"; // no other engine learns

const $ = (id) => document.getElementById(id);

export class Styling {
  // shown(): id of the picture that previews show, or null; tasks(): the existing looks;
  // learnt(name): there is a new look.
  constructor({ shown, tasks, learnt }) {
    Object.assign(this, { shown, tasks, learnt, file: null, job: null, left: null });
    this.dialog = $("styling");
    $("styling-close").addEventListener("click", () => this.dialog.close());
    $("learning").addEventListener("click", () => this.open());
    $("exemplar").addEventListener("click", () => $("exemplar-file").click());
    $("exemplar-file").addEventListener("change", () => {
      const [file] = $("exemplar-file").files;
      $("exemplar-file").value = "";
      if (file) this.choose(file);
    });
    this.dialog.addEventListener("drop", (event) => {
      event.stopPropagation(); // it is no new picture for the page
      event.preventDefault();
      document.body.classList.remove("over");
      const [file] = event.dataTransfer.files;
      if (file && !this.job) this.choose(file);
    });
    for (const id of ["minutes", "style-brush", "style-name"]) $(id).addEventListener("input", () => this.tell());
    $("styling-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.start();
    });
    $("styling-cancel").addEventListener("click", () => this.stop());
    this.tell();
  }

  open(most) {
    if (most) $("minutes").max = most;
    if (!this.dialog.open) this.dialog.showModal();
  }

  // Turns the input into a valid name for files and commands: "My Picture (1)" becomes "my-picture-1".
  get name() {
    const plain = $("style-name").value.normalize("NFKD").toLowerCase().replace(/\p{M}/gu, "");
    return plain.replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 40).replace(/-+$/, "");
  }

  tell() {
    $("minutes-value").textContent = $("minutes").value;
    const brush = Number($("style-brush").value);
    $("style-brush-value").textContent = brush < 320 ? "fine" : brush > 512 ? "coarse" : "medium";
    const { name } = this;
    $("style-name").setCustomValidity(name || !$("style-name").value ? "" : "Use at least one letter from a to z, or a digit");
    $("style-slug").textContent = name && name !== $("style-name").value ? `Saved as ${name}` : "";
  }

  taken() {
    return this.tasks().map((task) => task.name);
  }

  choose(file) {
    this.file = file;
    const image = $("exemplar").querySelector("img");
    URL.revokeObjectURL(image.src);
    image.src = URL.createObjectURL(file);
    image.hidden = false;
    image.alt = file.name;
    image.onerror = () => (image.hidden = true); // the server may read formats that this browser does not show, for example TIFF
    $("exemplar").querySelector("span").textContent = file.name;
    $("exemplar").querySelector("span").hidden = false;
    image.onload = () => ($("exemplar").querySelector("span").hidden = true);
    if (!$("style-name").value) $("style-name").value = this.nameFor(file);
    this.tell();
    this.say("");
  }

  nameFor(file) {
    const plain = file.name.replace(/\.[^.]*$/, "").replace(/[_-]+/g, " ").trim() || "style";
    $("style-name").value = plain;
    return this.taken().includes(this.name) ? `${plain} 2` : plain;
  }

  async start() {
    if (!this.file) {
      this.say("Choose a picture that shows the style.");
      $("exemplar").focus();
      return;
    }
    const { name } = this;
    if (this.taken().includes(name)) {
      $("style-name").setCustomValidity(`There is a look named ${name} already`);
      $("style-name").reportValidity();
      return;
    }
    this.left = new AbortController();
    const { signal } = this.left;
    this.busy(true);
    this.say("Sending the picture");
    let exemplar = null;
    try {
      exemplar = await server.open(this.file, signal);
      this.job = await server.learn({
        picture: exemplar.id,
        name,
        minutes: Number($("minutes").value),
        size: Number($("style-brush").value),
        preview: await this.shown(),
      });
      let started = null;
      const state = await server.follow(this.job, {
        signal,
        changed: (now) => {
          if (now.progress) started ??= performance.now();
          this.progress(now, started);
        },
        preview: (file) => this.show(file),
      });
      if (state.state !== "done") throw new Error(server.sentence(state.error ?? "The training was cancelled"));
      this.say(`${name} is learnt and is among the looks. Download the weights to use it again.`);
      $("weights").hidden = false;
      this.file = null;
      $("exemplar").querySelector("img").hidden = true;
      $("exemplar").querySelector("span").hidden = false;
      $("exemplar").querySelector("span").textContent = "Choose a picture";
      $("style-name").value = "";
      this.tell();
      this.learnt(name);
    } catch (error) {
      this.say(error.name === "AbortError" ? "Stopped; nothing was added." : error.message);
    } finally {
      if (exemplar) server.forget(exemplar);
      this.job = null;
      this.busy(false);
    }
  }

  stop() {
    if (this.job) server.drop("styles", this.job.id);
    this.left.abort(cancelled());
  }

  // The bar, the text and the button all show the job's progress.
  progress(state, started) {
    const share = state.state === "running" ? state.progress : 0;
    $("style-bar").value = share;
    if (state.state === "queued") this.say(state.ahead ? `Waiting for ${state.ahead} other${state.ahead > 1 ? "s" : ""}` : "Waiting");
    else if (share === 0) this.say("Preparing");
    else this.say([`Learning, ${remaining(started, share) || (share > 0.9 ? "nearly done" : "just begun")}`, ...state.remarks.map(server.sentence)].join(". "));
    $("learning").textContent = `${state.name}: ${Math.floor(share * 100)} %`;
  }

  show(file) {
    const image = $("preview");
    const before = image.src;
    image.src = URL.createObjectURL(file);
    image.hidden = false;
    if (before) URL.revokeObjectURL(before);
  }

  busy(is) {
    for (const id of ["exemplar", "style-name", "style-brush", "minutes"]) $(id).disabled = is;
    $("learn").hidden = is;
    $("styling-cancel").hidden = !is;
    $("learning").hidden = !is;
    $("learning").textContent = "Learning a style";
    if (is) {
      $("weights").hidden = true;
      $("preview").hidden = true;
      $("style-bar").value = 0;
    }
    $("styling-progress").hidden = !is && $("preview").hidden;
    $("style-bar").hidden = !is;
  }

  leave() {
    if (this.job) server.drop("styles", this.job.id);
  }

  say(text) {
    if ($("styling-status").textContent !== text) $("styling-status").textContent = text;
  }
}
