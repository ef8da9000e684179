// Checkboxes for looks, with one button for all of them.

export class Choice {
  // `place` is an empty element; changed() is called whenever the choice changes.
  constructor(place, { changed = () => {} } = {}) {
    this.all = Object.assign(document.createElement("button"), { type: "button", className: "small", textContent: "All", hidden: true });
    this.boxes = Object.assign(document.createElement("div"), { className: "checks" });
    place.classList.add("choice");
    place.append(this.boxes, this.all);
    this.changed = changed;
    this.boxes.addEventListener("change", () => this.tell());
    this.all.addEventListener("click", () => {
      const wanted = !this.full;
      for (const box of this.open) box.checked = wanted;
      this.tell();
    });
  }

  // options: [{ name, title, chosen, why }]; `why` says why a look cannot be chosen.
  set(options) {
    this.boxes.replaceChildren(...options.map(({ name, title, chosen, why }) => {
      const label = document.createElement("label");
      const box = Object.assign(document.createElement("input"), { type: "checkbox", value: name, checked: chosen && !why, disabled: Boolean(why) });
      label.append(box, why ? `${title} (${why})` : title);
      return label;
    }));
    this.show();
  }

  get open() {
    return [...this.boxes.querySelectorAll("input:not([disabled])")]; // also while a fieldset around them is disabled
  }

  get full() {
    return this.open.every((box) => box.checked);
  }

  get chosen() {
    return this.open.filter((box) => box.checked).map((box) => box.value);
  }

  tell() {
    this.show();
    this.changed(this.chosen);
  }

  show() {
    this.all.hidden = this.open.length < 2;
    this.all.textContent = this.full ? "None" : "All";
    this.all.setAttribute("aria-label", this.full ? "Choose no look" : "Choose all looks");
  }
}
