// The camera: a live grid of looks, as fast as the engine computes them.
import * as engine from "./engine.js";
import { Choice } from "./choice.js";
import { Grid } from "./grid.js";
import { ordered } from "./looks.js";

const $ = (id) => document.getElementById(id);
const SIDES = [160, 240, 320, 480, 640, 800]; // pixels of a frame's longer side
// Frames a second: below the first, frames get smaller; above the second, larger where that leaves more than this.
const PACES = { faster: [5, 10], sharper: [1, 2.2] };
const HOLD_FRAMES = 6; // frames between two changes of size

const WRONG = {
  NotAllowedError: "The camera is not allowed on this page. Allow it in the browser's settings, and try again.",
  NotFoundError: "There is no camera. Connect one, and try again.",
  NotReadableError: "The camera does not answer; another program may be using it. Close that one, and try again.",
};

export class Camera {
  // tasks: all looks; entered, left: called when the camera's section is shown and closed;
  // taken: called with a picture's file.
  constructor({ complain, tasks, entered, left, taken }) {
    Object.assign(this, { complain, tasks, entered, left, taken, running: null, large: null });
    this.grid = new Grid($("camera-cards"), (name) => this.enlarge(name));
    this.choice = new Choice($("camera-looks"), { changed: () => this.lay() });
    $("camera-stop").addEventListener("click", () => {
      this.end();
      this.left();
      $("camera").focus();
    });
    $("camera-take").addEventListener("click", () => this.take());
  }

  async start() {
    if (this.running) return;
    if (!navigator.mediaDevices) throw new Error("A camera needs an address that begins with https, or http://127.0.0.1.");
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 1280 } }, audio: false });
    } catch (error) {
      throw new Error(WRONG[error.name] ?? `The camera cannot be used (${error.message}).`);
    }
    this.running = new AbortController();
    const { signal } = this.running;
    this.stream = stream;
    // Unplugged, or no longer permitted.
    stream.getVideoTracks()[0].addEventListener("ended", () => signal.aborted || this.fail(new Error(WRONG.NotFoundError)));
    const video = $("camera-video");
    video.srcObject = stream;
    await video.play();
    if (signal.aborted) return;
    this.entered();
    this.choose();
    $("camera").hidden = true;
    $("camera-title").focus();
    $("camera-take").disabled = false;
    this.say("Starting");
    this.run(video, signal).catch((error) => signal.aborted || this.fail(error));
  }

  // One checkbox per look; fast looks are chosen.
  choose() {
    const tasks = this.tasks().filter(({ scale }) => scale === 1);
    const quick = tasks.some(({ fine }) => !fine);
    this.choice.set(ordered(tasks).map(({ name, title, fine }) => ({ name, title, chosen: !(quick && fine) })));
    this.large = null;
    this.lay();
  }

  get chosen() {
    return this.choice.chosen;
  }

  // The cards of the chosen looks.
  lay() {
    const { videoWidth: width, videoHeight: height } = $("camera-video");
    this.grid.start({ width, height });
    this.grid.cards.get("").note.textContent = `${width} \u00d7 ${height}`;
    for (const { name, title } of ordered(this.tasks())) if (this.chosen.includes(name)) this.grid.add(name, title);
    if (!this.chosen.includes(this.large)) this.large = null;
    this.mark();
  }

  // A single, enlarged look; or all of them again.
  enlarge(name) {
    this.large = this.large === name ? null : name;
    this.mark();
    this.grid.focus(name);
  }

  mark() {
    for (const [name, { button }] of this.grid.cards) {
      button.parentElement.classList.toggle("wide", name === this.large);
      button.parentElement.hidden = this.large !== null && name !== this.large;
      button.setAttribute("aria-pressed", String(name === this.large));
    }
  }

  async run(video, signal) {
    let size = SIDES.indexOf(320);
    let frames = 0;
    let seconds = null; // of a frame, smoothed
    while (!signal.aborted) {
      await new Promise(requestAnimationFrame);
      this.draw("", video);
      const names = this.large === null ? this.chosen : [this.large];
      if (names.length === 0) {
        this.say("Choose a look");
        $("camera-rate").textContent = "";
        continue;
      }
      const started = performance.now();
      const factor = SIDES[size] / Math.max(video.videoWidth, video.videoHeight);
      const bitmap = await createImageBitmap(video, {
        resizeWidth: Math.max(16, Math.round(video.videoWidth * factor)),
        resizeHeight: Math.max(16, Math.round(video.videoHeight * factor)),
      });
      const { width, height } = bitmap;
      const looks = await engine.live(bitmap, names, signal);
      looks.forEach((look, i) => {
        this.draw(names[i], look);
        look.close();
      });
      const took = (performance.now() - started) / 1000;
      seconds = seconds === null || frames === 0 ? took : 0.8 * seconds + 0.2 * took;
      this.say(`${names.length} look${names.length > 1 ? "s" : ""}`);
      $("camera-rate").textContent = `at ${(1 / seconds).toFixed(1)} frames a second, ${width} \u00d7 ${height}`;
      if (++frames < HOLD_FRAMES) continue;
      frames = 0;
      const larger = SIDES[size + 1] ? (SIDES[size + 1] / SIDES[size]) ** 2 : Infinity;
      const [slow, fast] = PACES[document.querySelector("[name=camera-pace]:checked").value];
      if (1 / seconds < slow && size > 0) size--;
      else if (1 / (seconds * larger) > fast) size++;
    }
  }

  draw(name, image) {
    const card = this.grid.cards.get(name);
    if (!card) return; // not chosen any more
    card.canvas.getContext("2d").drawImage(image, 0, 0, card.canvas.width, card.canvas.height);
    if (!card.button.classList.contains("waiting")) return;
    card.button.classList.remove("waiting");
    card.button.disabled = name === "";
  }

  async take() {
    const video = $("camera-video");
    const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
    canvas.getContext("2d").drawImage(video, 0, 0);
    this.taken(new File([await canvas.convertToBlob({ type: "image/png" })], "camera.png"));
  }

  fail(error) {
    this.end();
    this.left();
    this.complain(error);
  }

  end() {
    this.running?.abort(new DOMException("the camera was stopped", "AbortError"));
    this.running = null;
    this.stream?.getTracks().forEach((track) => track.stop());
    $("camera-video").srcObject = null;
    $("camera-rate").textContent = "";
    $("camera-take").disabled = true;
    $("camera").hidden = false;
  }

  say(text) {
    if ($("camera-status").textContent !== text) $("camera-status").textContent = text;
  }
}
