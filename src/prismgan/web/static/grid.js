// The grid: the picture and its looks, small; a click opens one.

const SIDE = 640; // pixels of a thumbnail's longer side

const made = (tag, properties, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};

export class Grid {
  // open(name) is called for a click on a finished look, ask(name) for a click on one that has to be rendered first.
  constructor(list, open, ask = () => {}) {
    Object.assign(this, { list, open, ask, cards: new Map() });
  }

  start({ width, height }) {
    this.cards.clear();
    this.list.replaceChildren();
    this.list.style.setProperty("--shape", `${width} / ${height}`);
    const factor = Math.min(1, SIDE / Math.max(width, height));
    this.width = Math.max(1, Math.round(width * factor));
    this.height = Math.max(1, Math.round(height * factor));
    this.add("", "Photo").button.disabled = true;
  }

  // `halved`: the card shows a magnified detail of the photo beside one of the look.
  add(name, title, { halved = false } = {}) {
    const canvas = made("canvas", { width: this.width, height: this.height });
    canvas.setAttribute("aria-hidden", "true");
    const frame = made("span", { className: "frame" }, canvas);
    const note = made("span", { className: "note" });
    const button = made("button", { type: "button", className: "card waiting", disabled: true }, frame);
    button.append(made("span", { className: "label" }, made("span", { textContent: title }), note));
    button.dataset.look = name;
    button.classList.toggle("halved", halved);
    if (halved) frame.append(made("span", { className: "tag before", textContent: "Before" }), made("span", { className: "tag after", textContent: "After" }));
    button.addEventListener("click", () => (button.classList.contains("missing") ? this.ask(name) : this.open(name)));
    this.list.append(made("li", {}, button));
    const card = { button, canvas, note, title };
    this.cards.set(name, card);
    return card;
  }

  draw(card, image) {
    const context = card.canvas.getContext("2d");
    context.clearRect(0, 0, this.width, this.height);
    context.drawImage(image, 0, 0, this.width, this.height);
  }

  // The photo on its own card, and faintly on the cards of unfinished looks.
  showPhoto(image, note) {
    for (const [name, card] of this.cards) {
      if (name && !card.button.matches(".waiting, .missing")) continue;
      this.draw(card, image);
      if (!name) card.button.classList.remove("waiting");
    }
    this.cards.get("").note.textContent = note;
    this.photo = image;
  }

  // A finished look.
  async show(look) {
    const card = this.cards.get(look.name);
    const image = await (look.restores ? look.detail(this.width, this.height) : look.mixed(this.width, this.height));
    if (this.cards.get(look.name) !== card) return; // another picture by now
    this.draw(card, image);
    image.close();
    card.note.textContent = look.note;
    card.button.classList.remove("waiting", "missing");
    card.button.disabled = false;
  }

  // A look that is being rendered.
  wait(name) {
    const card = this.cards.get(name);
    card.button.classList.remove("missing");
    card.button.classList.add("waiting");
    card.button.disabled = true;
    card.note.textContent = "";
    if (this.photo) this.draw(card, this.photo);
  }

  // A look that is not rendered, with the reason; if `offered`, a click renders it.
  drop(name, why, { offered = false } = {}) {
    const card = this.cards.get(name);
    card.button.classList.remove("waiting");
    card.button.classList.toggle("missing", offered);
    card.button.disabled = !offered;
    if (!offered) card.canvas.getContext("2d").clearRect(0, 0, this.width, this.height);
    card.note.textContent = why;
  }

  focus(name) {
    this.cards.get(name)?.button.focus();
  }
}
