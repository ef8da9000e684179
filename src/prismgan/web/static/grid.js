// The grid: the picture and its looks, small; a click opens one.

const SIDE = 640; // pixels of a thumbnail's longer side

export class Grid {
  constructor(list, open) {
    Object.assign(this, { list, open, cards: new Map() });
  }

  start(session) {
    this.session = session;
    this.cards.clear();
    this.list.replaceChildren();
    this.list.style.setProperty("--shape", `${session.width} / ${session.height}`);
    const factor = Math.min(1, SIDE / Math.max(session.width, session.height));
    this.width = Math.max(1, Math.round(session.width * factor));
    this.height = Math.max(1, Math.round(session.height * factor));
    this.add("", "Photo").button.disabled = true;
  }

  add(name, title) {
    const item = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    button.className = "card waiting";
    button.dataset.look = name;
    const frame = document.createElement("span");
    frame.className = "frame";
    const canvas = document.createElement("canvas");
    Object.assign(canvas, { width: this.width, height: this.height });
    canvas.setAttribute("aria-hidden", "true");
    const label = document.createElement("span");
    label.className = "label";
    const text = document.createElement("span");
    text.textContent = title;
    const note = document.createElement("span");
    note.className = "note";
    frame.append(canvas);
    label.append(text, note);
    button.append(frame, label);
    button.disabled = true;
    button.addEventListener("click", () => this.open(name));
    item.append(button);
    this.list.append(item);
    const card = { button, canvas, note, title };
    this.cards.set(name, card);
    return card;
  }

  // The photo on its own card, and faint on those that wait.
  showPhoto(image) {
    for (const [name, card] of this.cards) {
      if (name && !card.button.classList.contains("waiting")) continue;
      card.canvas.getContext("2d").putImageData(image, 0, 0);
      if (!name) card.button.classList.remove("waiting");
    }
    this.cards.get("").note.textContent = `${this.session.width} \u00d7 ${this.session.height}`;
  }

  async show(look) {
    const card = this.cards.get(look.name);
    const image = await look.mixed(this.width, this.height);
    if (this.cards.get(look.name) !== card) return; // another picture by now
    card.canvas.getContext("2d").putImageData(image, 0, 0);
    card.note.textContent = look.note;
    card.button.classList.remove("waiting");
    card.button.disabled = false;
  }

  // A look that is not made.
  drop(name, why) {
    const card = this.cards.get(name);
    card.button.classList.remove("waiting");
    card.canvas.getContext("2d").clearRect(0, 0, this.width, this.height);
    card.note.textContent = why;
  }

  focus(name) {
    this.cards.get(name)?.button.focus();
  }
}
