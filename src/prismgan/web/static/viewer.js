// One look, large: before and after, and its controls.
import { NATURAL } from "./looks.js";
import { canUndo, onHistory, remember } from "./history.js";
import { pixels } from "./mixing.js";
import { save } from "./saving.js";

const $ = (id) => document.getElementById(id);
const SIDE = 1600; // pixels of the longer side while it is fitted into the window
const ACTUAL = 4096;

export class Viewer {
  constructor({ changed, undo, closed }) {
    Object.assign(this, { changed, look: null, before: null, photo: null, drawing: false, late: false });
    this.dialog = $("viewer");
    this.stage = this.dialog.querySelector(".stage");
    this.scroll = this.dialog.querySelector(".scroll");
    $("close").addEventListener("click", () => this.dialog.close());
    this.dialog.addEventListener("close", () => closed(this.look));
    this.dialog.querySelector("form").addEventListener("submit", (event) => event.preventDefault());
    $("split").addEventListener("input", () => this.split());
    $("zoom").addEventListener("click", () => this.zoom());
    $("previous").addEventListener("click", () => this.step(-1));
    $("next").addEventListener("click", () => this.step(1));
    $("viewer-undo").addEventListener("click", undo);
    $("reset").addEventListener("click", () => this.set({ ...NATURAL }));
    $("download").addEventListener("click", () => this.download());
    $("vary").addEventListener("click", () => this.vary(this.look.controls.seed + 1));
    $("seed").addEventListener("change", () => this.vary(Math.floor(Number($("seed").value))));
    this.slider("strength", (value) => ({ strength: value / 100 }));
    this.slider("share", (value) => ({ share: value / 100 }));
    $("other").addEventListener("change", () => this.set({ other: $("other").value }));
    onHistory(() => ($("viewer-undo").disabled = !canUndo()));
  }

  // Each movement shows, but only where it ends it is a change that can be undone.
  slider(id, controls) {
    $(id).addEventListener("input", () => {
      this.before ??= { ...this.look.controls };
      Object.assign(this.look.controls, controls(Number($(id).value)));
      this.refresh();
    });
    $(id).addEventListener("change", () => this.commit());
  }

  commit() {
    if (!this.before) return;
    const before = this.before;
    this.before = null;
    remember(this.look, before);
    this.changed(this.look);
  }

  set(controls) {
    this.before ??= { ...this.look.controls };
    this.look.controls = { ...this.look.controls, ...controls };
    this.commit();
    this.refresh();
  }

  get isOpen() {
    return this.dialog.open;
  }

  open(look) {
    this.commit();
    this.look = look;
    if (!this.dialog.open) {
      this.dialog.showModal();
      $("split").value = 50;
      $("split").focus();
    }
    $("viewer-title").textContent = look.title;
    $("viewer-size").textContent = `${look.width} \u00d7 ${look.height}`;
    this.dialog.style.setProperty("--shape", look.width / look.height);
    this.say("");
    $("other").replaceChildren(new Option("nothing", ""), ...this.partners().map((one) => new Option(one.title, one.name)));
    $("blend-control").hidden = this.partners().length === 0;
    $("seed-control").hidden = !look.varies;
    $("previous").disabled = $("next").disabled = this.ready().length < 2;
    $("after").setAttribute("aria-label", `${look.title} of the photo`);
    this.size();
    this.split();
    this.refresh();
  }

  ready() {
    return [...this.look.session.looks.values()].filter((look) => look.ready);
  }

  partners() {
    return this.ready().filter((one) => one !== this.look && one.scale === this.look.scale);
  }

  step(by) {
    const looks = this.ready();
    this.open(looks[(looks.indexOf(this.look) + by + looks.length) % looks.length]);
  }

  zoom() {
    const actual = this.scroll.classList.toggle("actual");
    $("zoom").setAttribute("aria-pressed", String(actual));
    this.size();
    if (actual) this.scroll.scrollTo((this.scroll.scrollWidth - this.scroll.clientWidth) / 2, (this.scroll.scrollHeight - this.scroll.clientHeight) / 2);
    this.refresh();
  }

  size() {
    const { width, height } = this.look;
    const most = this.scroll.classList.contains("actual") ? ACTUAL : SIDE;
    const factor = Math.min(1, most / Math.max(width, height));
    this.width = Math.max(1, Math.round(width * factor));
    this.height = Math.max(1, Math.round(height * factor));
    this.stage.style.setProperty("--actual", `${this.width / devicePixelRatio}px`);
  }

  split() {
    const share = Number($("split").value);
    this.stage.style.setProperty("--split", `${share}%`);
    $("split").setAttribute("aria-valuetext", `${Math.round(share)} % photo, ${Math.round(100 - share)} % ${this.look.title}`);
  }

  // Controls and picture.
  refresh() {
    const { strength, other, share, seed } = this.look.controls;
    $("strength").value = Math.round(strength * 100);
    $("strength-value").textContent = `${Math.round(strength * 100)} %`;
    $("other").value = other;
    $("share").hidden = !this.look.other();
    $("share").value = Math.round(share * 100);
    $("share-value").textContent = `${Math.round(share * 100)} %`;
    $("seed").value = seed;
    $("reset").disabled = this.look.natural;
    this.show();
  }

  // One after the other: what changes while one picture is made is in the next.
  async show() {
    this.late = true;
    if (this.drawing) return;
    this.drawing = true;
    while (this.late) {
      await new Promise(requestAnimationFrame);
      this.late = false;
      const { look, width, height } = this;
      const shown = { look: look.name, ...look.controls };
      try {
        const photo = await look.session.base(look.scale);
        const sized = `${width}x${height}`;
        if (this.photo?.file !== photo || this.photo.sized !== sized) {
          this.draw($("before"), await pixels(photo, width, height));
          this.photo = { file: photo, sized };
        }
        const image = await look.mixed(width, height);
        if (look !== this.look || width !== this.width) continue; // something newer is on its way
        this.draw($("after"), image);
        this.dialog.dataset.shown = JSON.stringify(shown);
      } catch (error) {
        if (error.name !== "AbortError") this.say(error.message);
      }
    }
    this.drawing = false;
  }

  draw(canvas, image) {
    if (canvas.width !== image.width || canvas.height !== image.height) Object.assign(canvas, { width: image.width, height: image.height });
    canvas.getContext("2d").putImageData(image, 0, 0);
  }

  async vary(seed) {
    const look = this.look;
    if (!(seed >= 0 && Number.isSafeInteger(seed))) {
      this.say("A variation is a whole number from 0.");
      this.refresh();
      return;
    }
    this.stage.classList.add("busy");
    this.say("Rendering the variation");
    try {
      await look.vary(seed);
      this.say("");
      if (look === this.look) this.set({ seed });
    } catch (error) {
      if (error.name !== "AbortError") this.say(error.message);
      this.refresh();
    } finally {
      this.stage.classList.remove("busy");
    }
  }

  async download() {
    const look = this.look;
    $("download").disabled = true;
    this.say("Preparing the file");
    try {
      save(await look.saved(), `${look.session.stem}-${look.name}.png`);
      this.say("");
    } catch (error) {
      this.say(error.message);
    } finally {
      $("download").disabled = false;
    }
  }

  say(text) {
    $("viewer-status").textContent = text;
  }
}
