// A style more, learnt from one picture: its form, how far it is, previews, and the new weights.
import * as server from "./server.js"; // no other engine learns

const $ = (id) => document.getElementById(id);

export class Styling {
  // shown: id of the picture that previews show, or null; taken: names of the looks that are there;
  // learnt: called with the name of the new look.
  constructor({ shown, taken, learnt }) {
    Object.assign(this, { shown, taken, learnt, file: null, job: null, left: null });
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
    $("minutes").addEventListener("input", () => this.tellMinutes());
    $("style-name").addEventListener("input", () => $("style-name").setCustomValidity(""));
    $("styling-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.start();
    });
    $("styling-cancel").addEventListener("click", () => this.stop());
    this.tellMinutes();
  }

  open(most) {
    if (most) $("minutes").max = most;
    if (!this.dialog.open) this.dialog.showModal();
  }

  tellMinutes() {
    $("minutes-value").textContent = $("minutes").value;
  }

  choose(file) {
    this.file = file;
    const image = $("exemplar").querySelector("img");
    URL.revokeObjectURL(image.src);
    image.src = URL.createObjectURL(file);
    image.hidden = false;
    image.alt = file.name;
    image.onerror = () => (image.hidden = true); // what this browser does not show, as TIFF, the server may read
    $("exemplar").querySelector("span").textContent = file.name;
    $("exemplar").querySelector("span").hidden = false;
    image.onload = () => ($("exemplar").querySelector("span").hidden = true);
    if (!$("style-name").value) $("style-name").value = this.nameOf(file);
    this.say("");
  }

  // "My Picture (1).jpg" as "my-picture-1".
  nameOf(file) {
    const plain = file.name.replace(/\.[^.]*$/, "").normalize("NFKD").toLowerCase();
    const name = plain.replace(/\p{M}/gu, "").replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 36) || "style";
    return this.taken().includes(name) ? `${name}-2` : name;
  }

  async start() {
    if (!this.file) {
      this.say("Choose a picture that shows the style.");
      $("exemplar").focus();
      return;
    }
    const name = $("style-name").value;
    if (this.taken().includes(name)) {
      $("style-name").setCustomValidity("There is a look of this name already");
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
      const wanted = { picture: exemplar.id, name, minutes: Number($("minutes").value), preview: this.shown() };
      this.job = await server.learn(wanted);
      const started = performance.now();
      const state = await server.follow(this.job, {
        signal,
        changed: (now) => this.progress(now, started),
        preview: (file) => this.show(file),
      });
      if (state.state !== "done") throw new Error(state.error ?? "The training was cancelled.");
      this.say(`${name} is learnt, and stands among the looks. With the weights it can be used again.`);
      $("weights").hidden = false;
      this.file = null;
      $("exemplar").querySelector("img").hidden = true;
      $("exemplar").querySelector("span").hidden = false;
      $("exemplar").querySelector("span").textContent = "Choose a picture";
      $("style-name").value = "";
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
    this.left.abort(new DOMException("stopped", "AbortError"));
  }

  progress(state, started) {
    const share = state.state === "running" ? state.progress : 0;
    $("style-bar").value = share;
    const percent = `${Math.floor(share * 100)} %`;
    if (state.state === "queued") this.say(state.ahead ? `Waiting for ${state.ahead} other${state.ahead > 1 ? "s" : ""}` : "Waiting");
    else if (state.state === "running") {
      // Words change every half minute at most: they are read aloud.
      const left = share > 0.02 ? ((performance.now() - started) / share) * (1 - share) / 60_000 : Number($("minutes").value);
      this.say(share === 0 ? "Preparing" : left > 0.75 ? `Learning, about ${Math.ceil(left)} minute${left > 1 ? "s" : ""} left` : "Learning, nearly done");
    }
    $("learning").textContent = `${state.name}: ${percent}`;
  }

  show(file) {
    const image = $("preview");
    const before = image.src;
    image.src = URL.createObjectURL(file);
    image.hidden = false;
    if (before) URL.revokeObjectURL(before);
  }

  busy(is) {
    for (const id of ["exemplar", "style-name", "minutes"]) $(id).disabled = is;
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
