// The large picture: the photo over the look, separated by a movable line; zoomed and moved like a map.

const MOST = 16; // device pixels that a pixel of the picture may become
const NEAR = 26; // CSS pixels around the line that move it
const STEP = 1.25; // of one press of a key
const WHEEL = 0.0016;
const PINCH = 0.01; // of a touchpad, which browsers tell as a wheel with Ctrl

export class Stage {
  // element: holds two canvases, #before and #after, and the line; split: a range, 0 to 100, that moves the line;
  // moved(): called whenever the zoom has changed.
  constructor(element, split, moved) {
    Object.assign(this, { element, split, moved, width: 1, height: 1, zoom: 1, x: 0.5, y: 0.5, fitted: true, comparing: false });
    this.pointers = new Map();
    split.addEventListener("input", () => this.lay());
    element.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    element.addEventListener("dblclick", (event) => this.toggle(event));
    element.addEventListener("pointerdown", (event) => this.down(event));
    element.addEventListener("pointermove", (event) => this.drag(event));
    for (const kind of ["pointerup", "pointercancel"]) element.addEventListener(kind, (event) => this.up(event));
    new ResizeObserver(() => (this.fitted ? this.fit() : this.lay())).observe(element);
  }

  // Shows a picture of this size; `view` is an earlier result of view(), or missing to show all of it.
  open(width, height, view = null) {
    Object.assign(this, { width, height });
    if (view && !view.fitted) Object.assign(this, view);
    else this.fitted = true;
    if (this.fitted) this.fit();
    else this.lay();
  }

  view() {
    const { fitted, zoom, x, y } = this;
    return { fitted, zoom, x, y };
  }

  // Device pixels per pixel of the picture.
  get level() {
    return this.zoom * devicePixelRatio;
  }

  get whole() {
    const { clientWidth, clientHeight } = this.element;
    return Math.min(clientWidth / this.width, clientHeight / this.height) || 1;
  }

  fit() {
    Object.assign(this, { zoom: this.whole, x: this.width / 2, y: this.height / 2, fitted: true });
    this.lay();
  }

  // Sets the device pixels per pixel, around a point of the stage, by default its middle.
  zoomTo(level, at = null) {
    const least = Math.min(this.whole, 1 / devicePixelRatio);
    const zoom = Math.min(Math.max(level / devicePixelRatio, least), Math.max(MOST / devicePixelRatio, this.whole));
    const { clientWidth, clientHeight } = this.element;
    const dx = (at?.x ?? clientWidth / 2) - clientWidth / 2;
    const dy = (at?.y ?? clientHeight / 2) - clientHeight / 2;
    this.x += dx / this.zoom - dx / zoom;
    this.y += dy / this.zoom - dy / zoom;
    Object.assign(this, { zoom, fitted: false });
    this.lay();
  }

  // Moves a point of the picture, in its pixels, to the middle.
  centre(x, y) {
    Object.assign(this, { x, y, fitted: false });
    this.lay();
  }

  move(dx, dy) {
    this.x -= dx / this.zoom;
    this.y -= dy / this.zoom;
    if (dx || dy) this.fitted = false;
    this.lay();
  }

  compare(is) {
    this.comparing = is;
    this.lay();
  }

  lay() {
    const { element, zoom, width, height } = this;
    const { clientWidth, clientHeight } = element;
    const inside = (middle, length, room) => (length * zoom <= room ? length / 2 : Math.min(Math.max(middle, room / zoom / 2), length - room / zoom / 2));
    this.x = inside(this.x, width, clientWidth);
    this.y = inside(this.y, height, clientHeight);
    const whole = (value) => Math.round(value * devicePixelRatio) / devicePixelRatio; // edges lie between pixels
    const left = whole(clientWidth / 2 - this.x * zoom);
    const top = whole(clientHeight / 2 - this.y * zoom);
    const from = Math.max(0, left);
    const to = Math.min(clientWidth, left + width * zoom);
    this.visible = { from, to };
    const share = this.comparing ? 100 : Number(this.split.value);
    const set = (name, value) => element.style.setProperty(name, value);
    set("--left", `${left}px`);
    set("--top", `${top}px`);
    set("--width", `${width * zoom}px`);
    set("--height", `${height * zoom}px`);
    set("--from", `${from}px`);
    set("--beyond", `${clientWidth - to}px`);
    set("--below", `${Math.max(0, clientHeight - top - height * zoom)}px`);
    set("--split", `${this.split.value}%`);
    set("--line", `${from + (share / 100) * (to - from)}px`);
    element.classList.toggle("movable", width * zoom > clientWidth + 1 || height * zoom > clientHeight + 1);
    element.classList.toggle("pixels", this.level >= 2);
    element.classList.toggle("comparing", this.comparing);
    this.moved();
  }

  // -- mouse, fingers and keys -------------------------------------------------------------------

  place({ clientX, clientY }) {
    const { left, top } = this.element.getBoundingClientRect();
    return { x: clientX - left, y: clientY - top };
  }

  wheel(event) {
    event.preventDefault();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
    this.zoomTo(this.level * Math.exp(-event.deltaY * lines * (event.ctrlKey ? PINCH : WHEEL)), this.place(event));
  }

  // Toggles between the whole picture and 1:1, or 2:1 if the whole picture is already at 1:1.
  toggle(event) {
    if (!this.fitted) this.fit();
    else this.zoomTo(this.level < 0.95 ? 1 : Math.max(2, 2 * this.level), this.place(event));
  }

  down(event) {
    if (event.button !== 0) return;
    this.element.setPointerCapture(event.pointerId);
    const at = this.place(event);
    this.pointers.set(event.pointerId, at);
    const line = this.visible.from + (Number(this.split.value) / 100) * (this.visible.to - this.visible.from);
    this.doing = Math.abs(at.x - line) <= NEAR || !this.element.classList.contains("movable") ? "split" : "move";
    this.begun = at;
    this.split.focus({ preventScroll: true });
  }

  drag(event) {
    const before = this.pointers.get(event.pointerId);
    if (!before) return;
    const at = this.place(event);
    this.pointers.set(event.pointerId, at);
    if (this.pointers.size === 2) {
      const [other] = [...this.pointers].filter(([id]) => id !== event.pointerId).map(([, one]) => one);
      const middle = (one) => ({ x: (one.x + other.x) / 2, y: (one.y + other.y) / 2 });
      const apart = (one) => Math.hypot(one.x - other.x, one.y - other.y);
      this.doing = null;
      this.zoomTo((this.level * apart(at)) / Math.max(1, apart(before)), middle(at));
      this.move(middle(at).x - middle(before).x, middle(at).y - middle(before).y);
    } else if (this.doing === "move") this.move(at.x - before.x, at.y - before.y);
    else if (this.doing === "split" && (this.splitting || Math.abs(at.x - this.begun.x) > 2)) {
      this.splitting = true;
      const { from, to } = this.visible;
      this.split.value = (100 * (at.x - from)) / Math.max(1, to - from);
      this.split.dispatchEvent(new Event("input"));
    }
  }

  up(event) {
    this.pointers.delete(event.pointerId);
    this.splitting = false;
    this.doing = this.pointers.size ? this.doing : null;
  }

  // Whether the key was handled.
  key({ key, shiftKey }) {
    const far = 60;
    const moves = { ArrowLeft: [far, 0], ArrowRight: [-far, 0], ArrowUp: [0, far], ArrowDown: [0, -far] };
    if (shiftKey && moves[key]) this.move(...moves[key]);
    else if (key === "+" || key === "=") this.zoomTo(this.level * STEP);
    else if (key === "-") this.zoomTo(this.level / STEP);
    else if (key === "0") this.fit();
    else if (key === "1" || key === "2") this.zoomTo(Number(key));
    else return false;
    return true;
  }
}
