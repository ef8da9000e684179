// One large look beside the photo, with its controls and downloads.
import { offerFiles } from "./files.js";
import { canUndo, onHistory, remember } from "./history.js";
import { NATURAL } from "./looks.js";
import { cancelled } from "./messages.js";
import { pixels } from "./mixing.js";
import { remaining } from "./remaining.js";
import { Stage } from "./stage.js";

const $ = (id) => document.getElementById(id);
const SIDE = 1600; // pixels of the longer side that are mixed while the picture is fitted into the window
const AREA = 24e6; // pixels that are shown at most

export class Viewer {
  // changed(look): its controls changed; completed(look): it is ready at full size; undo(); shown(look): also called when
  // another look replaces it; closed(look).
  constructor({ changed, completed, undo, shown, closed }) {
    Object.assign(this, { changed, completed, shown, look: null, before: null, photo: null, drawing: false, late: false });
    this.dialog = $("viewer");
    this.stage = new Stage($("stage"), $("split"), () => this.moved());
    $("close").addEventListener("click", () => this.dialog.close());
    this.dialog.addEventListener("close", () => this.leave(closed));
    this.dialog.querySelector("form").addEventListener("submit", (event) => event.preventDefault());
    this.dialog.addEventListener("keydown", (event) => this.key(event));
    this.dialog.addEventListener("keyup", (event) => event.key.toLowerCase() === "c" && this.stage.compare(false));
    $("split").addEventListener("input", () => this.split());
    $("fit").addEventListener("click", () => this.stage.fit());
    $("actual").addEventListener("click", () => this.stage.zoomTo(1));
    $("double").addEventListener("click", () => this.stage.zoomTo(2));
    $("zoom-in").addEventListener("click", () => this.stage.zoomTo(this.stage.level * 1.5));
    $("zoom-out").addEventListener("click", () => this.stage.zoomTo(this.stage.level / 1.5));
    this.holding($("compare"));
    $("previous").addEventListener("click", () => this.step(-1));
    $("next").addEventListener("click", () => this.step(1));
    $("viewer-undo").addEventListener("click", undo);
    $("reset").addEventListener("click", () => this.vary({ ...NATURAL }));
    offerFiles({ look: () => this.look, say: (text) => this.say(text) });
    $("vary").addEventListener("click", () => this.seed(this.look.controls.seed + 1));
    $("seed").addEventListener("change", () => this.seed(Math.floor(Number($("seed").value))));
    $("brush").addEventListener("input", () => ($("brush-value").textContent = `${$("brush").value} %`));
    $("brush").addEventListener("change", () => this.vary({ brush: this.look.brushOf(Number($("brush").value)) }));
    this.slider("strength", (value) => ({ strength: value / 100 }));
    this.slider("share", (value) => ({ share: value / 100 }));
    $("other").addEventListener("change", () => this.set({ other: $("other").value }));
    onHistory(() => ($("viewer-undo").disabled = !canUndo()));
  }

  // -- controls ----------------------------------------------------------------------------------

  // Each movement is shown, but only its end counts as a change that can be undone.
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

  key(event) {
    const { target, ctrlKey, metaKey, altKey } = event;
    if (target.closest("input[type=number], select") || ctrlKey || metaKey || altKey) return;
    if (target.matches("input[type=range]:not(#split)") && event.key.startsWith("Arrow")) return;
    if (event.key.toLowerCase() === "c") this.stage.compare(true);
    else if (event.key === "[") this.step(-1);
    else if (event.key === "]") this.step(1);
    else if (!this.stage.key(event)) return;
    event.preventDefault();
  }

  // A button that shows the photo as long as it is held, by mouse, finger or key.
  holding(button) {
    const hold = (is) => () => this.stage.compare(is);
    button.addEventListener("pointerdown", (event) => {
      button.setPointerCapture(event.pointerId);
      this.stage.compare(true);
    });
    for (const kind of ["pointerup", "pointercancel", "keyup", "blur"]) button.addEventListener(kind, hold(false));
    button.addEventListener("keydown", ({ key }) => [" ", "Enter"].includes(key) && this.stage.compare(true));
    button.addEventListener("contextmenu", (event) => event.preventDefault()); // a long touch
  }

  // -- which look --------------------------------------------------------------------------------

  get isOpen() {
    return this.dialog.open;
  }

  open(look) {
    this.commit();
    const before = this.look;
    if (before !== look) this.stopAll();
    this.look = look;
    const opens = !this.dialog.open;
    if (opens) {
      this.dialog.showModal();
      $("split").value = 50;
      $("split").focus();
    }
    $("viewer-title").textContent = look.title;
    this.say("");
    $("other").replaceChildren(new Option("nothing", ""), ...this.partners().map((one) => new Option(one.title, one.name)));
    $("blend-control").hidden = this.partners().length === 0;
    $("brush-control").hidden = !look.painted;
    $("brush").max = Math.max(100, Math.min(400, Math.floor((100 * look.session.longestPainted) / look.session.brush.smallest)));
    $("seed-control").hidden = !look.varies;
    $("previous").disabled = $("next").disabled = this.ready().length < 2;
    $("after").setAttribute("aria-label", `${look.title} of the photo`);
    $("tag-before").textContent = look.scale > 1 ? `Bicubic ${look.scale}\u00d7` : "Photo";
    $("tag-after").textContent = look.title;
    this.place(opens || before?.width !== look.width);
    this.split();
    this.refresh();
    this.shown(look);
    if (!look.whole && this.job?.look !== look) this.complete(look);
  }

  // Restoring looks are shown magnified, all others as a whole; looks of the same size keep the position.
  async place(anew) {
    const { look, stage } = this;
    if (!anew) {
      stage.open(look.width, look.height, stage.view());
      return;
    }
    stage.open(look.width, look.height);
    if (!look.restores) return;
    const { left, top, width, height } = await look.session.place(320, 640 * look.height / look.width, look.scale);
    if (look !== this.look || !stage.fitted) return;
    if (stage.level < 1) stage.zoomTo(1);
    stage.centre((left + width / 2) * look.width, (top + height / 2) * look.height);
  }

  ready() {
    return [...this.look.session.looks.values()].filter((look) => look.ready);
  }

  partners() {
    return this.ready().filter((one) => one !== this.look && one.scale === this.look.scale && one.showable);
  }

  step(by) {
    const looks = this.ready();
    if (looks.length > 1) this.open(looks[(looks.indexOf(this.look) + by + looks.length) % looks.length]);
  }

  leave(closed) {
    this.commit();
    this.stopAll();
    closed(this.look);
  }

  stopAll() {
    this.stop?.abort(cancelled());
    this.varying?.abort(cancelled());
  }

  // The open look is rendered at full size.
  async complete(look) {
    const mine = (this.stop = new AbortController());
    const job = (this.job = { look });
    const started = performance.now();
    $("viewer-progress").hidden = false;
    $("viewer-progress").removeAttribute("value");
    this.say("Rendering at full size");
    try {
      await look.complete({
        signal: mine.signal,
        changed: ({ state, progress }) => {
          if (this.job !== job || state !== "running" || !progress) return;
          $("viewer-progress").value = progress;
          this.say(["Rendering at full size", remaining(started, progress)].filter(Boolean).join(", "));
        },
      });
      if (this.job === job) this.say("");
      this.completed(look);
      if (look === this.look) this.open(look);
    } catch (error) {
      if (this.job === job) this.say(error.name === "AbortError" ? "" : error.message);
    } finally {
      if (this.job === job) {
        this.job = null;
        $("viewer-progress").hidden = true;
      }
    }
  }

  // -- display -----------------------------------------------------------------------------------

  split() {
    const share = Number($("split").value);
    $("split").setAttribute("aria-valuetext", `${Math.round(share)} % photo, ${Math.round(100 - share)} % ${this.look.title}`);
  }

  moved() {
    const { level, fitted } = this.stage;
    $("zoom-level").textContent = `${Math.round(level * 100)} %`;
    const near = (wanted) => !fitted && Math.abs(level - wanted) < 0.01;
    $("fit").setAttribute("aria-pressed", String(fitted));
    $("actual").setAttribute("aria-pressed", String(near(1)));
    $("double").setAttribute("aria-pressed", String(near(2)));
    if (this.look && this.size() !== this.sized) this.show();
  }

  // The size at which to draw, limited by the screen and by the picture, as a string for comparison.
  size() {
    const { look, stage } = this;
    let { width, height } = look;
    if (look.showable && !look.whole) ({ width, height } = look.result);
    const seen = Math.max(width, height) * Math.min(1, stage.level * look.width / width);
    let factor = Math.min(1, Math.sqrt(AREA / (width * height)));
    if (seen <= SIDE) factor = Math.min(factor, SIDE / Math.max(width, height));
    return `${Math.max(1, Math.round(width * factor))} ${Math.max(1, Math.round(height * factor))}`;
  }

  // Controls and picture.
  refresh() {
    const { look } = this;
    const { strength, other, share, seed } = look.controls;
    $("viewer-size").textContent = `${look.width} \u00d7 ${look.height}`;
    $("strength").value = Math.round(strength * 100);
    $("strength-value").textContent = `${Math.round(strength * 100)} %`;
    $("other").value = other;
    $("share").hidden = !look.other();
    $("share").value = Math.round(share * 100);
    $("share-value").textContent = `${Math.round(share * 100)} %`;
    $("brush").value = look.brushWidth;
    $("brush-value").textContent = `${look.brushWidth} %`;
    $("seed").value = seed;
    $("reset").disabled = look.natural;
    this.show();
  }

  // One after the other: changes during the drawing of one picture go into the next.
  async show() {
    this.late = true;
    if (this.drawing) return;
    this.drawing = true;
    while (this.late) {
      await new Promise(requestAnimationFrame);
      this.late = false;
      const { look } = this;
      const size = (this.sized = this.size());
      const [width, height] = size.split(" ").map(Number);
      const part = look.showable ? look.result.part : look.session.reduced;
      const drawn = { look: look.name, ...look.controls };
      try {
        const photo = await look.session.base(part ? 1 : look.scale, part);
        if (this.photo?.file !== photo || this.photo.size !== size) {
          this.draw($("before"), await pixels(photo, width, height));
          this.photo = { file: photo, size };
        }
        $("stage").classList.toggle("pending", !look.showable);
        const image = await (look.showable ? look.mixed(width, height) : pixels(photo, width, height));
        if (look !== this.look || size !== this.sized) continue; // something newer is on its way
        this.draw($("after"), image);
        this.dialog.dataset.shown = JSON.stringify({ ...drawn, whole: look.whole });
      } catch (error) {
        if (error.name !== "AbortError") this.say(error.message);
      }
    }
    this.drawing = false;
  }

  draw(canvas, image) {
    if (canvas.width !== image.width || canvas.height !== image.height) Object.assign(canvas, { width: image.width, height: image.height });
    canvas.getContext("bitmaprenderer").transferFromImageBitmap(image);
  }

  // -- rendering ---------------------------------------------------------------------------------

  seed(seed) {
    if (seed >= 0 && Number.isSafeInteger(seed)) this.vary({ seed });
    else {
      this.say("A variation is a whole number from 0.");
      this.refresh();
    }
  }

  // Controls that require rendering the look again, unless it already exists.
  async vary(controls) {
    const { look } = this;
    this.varying?.abort(cancelled());
    const mine = (this.varying = new AbortController());
    $("stage").classList.add("busy");
    this.say("Rendering");
    try {
      await look.vary(controls, mine.signal);
      if (mine !== this.varying) return;
      this.say("");
      if (look !== this.look) return;
      this.set(controls);
      if (!look.whole) this.complete(look);
    } catch (error) {
      if (mine !== this.varying) return;
      if (error.name !== "AbortError") this.say(error.message);
      this.refresh();
    } finally {
      if (mine === this.varying) $("stage").classList.remove("busy");
    }
  }

  say(text) {
    if ($("viewer-status").textContent !== text) $("viewer-status").textContent = text;
  }
}
