// One picture: its grid of looks, their progress, and the viewer.
import * as engine from "./engine.js";
import { Grid } from "./grid.js";
import { canUndo, clearHistory, onHistory, undo } from "./history.js";
import * as keeping from "./keeping.js";
import { Look, ordered, Session } from "./looks.js";
import { cancelled, complain } from "./messages.js";
import { mixedFile, pixels } from "./mixing.js";
import * as places from "./places.js";
import { remaining } from "./remaining.js";
import { ending, inFormat, offerFormats, save } from "./saving.js";
import { Viewer } from "./viewer.js";
import { zip } from "./zip.js";

const $ = (id) => document.getElementById(id);
const DOING = { loading: "Loading the network", running: "Rendering", fetching: "Rendering" };

export class Work {
  // about(): the engine's description; wanted(name): whether a look is rendered without a click.
  constructor({ about, wanted }) {
    Object.assign(this, { about, wanted, session: null });
    this.viewer = new Viewer({
      changed: (look) => this.changed(look),
      completed: (look) => look.session === this.session && this.refreshed(look),
      undo: () => this.goBack(),
      shown: (look) => {
        const place = { picture: this.session.key, look: look.name };
        if (places.here().look) places.stay(place);
        else places.go(place);
      },
      closed: (look) => {
        if (this.viewer.isOpen) return; // opened again meanwhile
        if (places.here().look) places.back({ picture: this.session?.key });
        this.grid.focus(look.name);
      },
    });
    this.grid = new Grid($("grid"), (name) => this.viewer.open(this.session.looks.get(name)), (name) => this.render([name]));
    onHistory(() => ($("undo").disabled = !canUndo()));
    $("undo").addEventListener("click", () => this.goBack());
    $("download-all").addEventListener("click", () => this.downloadAll());
    $("cancel").addEventListener("click", () => this.stop?.abort(cancelled()));
    offerFormats($("all-format"));
    addEventListener("keydown", (event) => {
      const typing = event.target.closest?.("input[type=text], input[type=number]");
      if ((event.ctrlKey || event.metaKey) && !event.shiftKey && event.key === "z" && !typing) {
        event.preventDefault();
        this.goBack();
      }
    });
  }

  say(text) {
    if ($("status").textContent !== text) $("status").textContent = text;
  }

  // -- one picture after the other ---------------------------------------------------------------

  // A picture that the engine has opened.
  async start(file, picture) {
    const key = keeping.newKey();
    const about = { name: file.name || "picture", width: picture.width, height: picture.height, tasks: picture.tasks, brush: this.about().brush };
    this.leave();
    this.session = new Session(file, about, picture, key);
    keeping.put(key, "picture", { file, about });
    places.go({ picture: key });
    await this.show();
  }

  // Restores the picture that this address names; false if it is not stored.
  async restore({ picture: key, look }) {
    if (this.session?.key === key) {
      if (this.viewer.isOpen && !look) this.viewer.dialog.close();
      else if (look && this.session.looks.get(look)?.ready) this.viewer.open(this.session.looks.get(look));
      return true;
    }
    const kept = await keeping.all(key);
    if (!kept.has("picture")) return false;
    const { file, about } = kept.get("picture");
    this.leave();
    const session = (this.session = new Session(file, about, null, key));
    for (const [what, value] of kept) {
      if (what.startsWith("base ")) session.bases.set(what.slice("base ".length), Promise.resolve(value));
    }
    const controls = kept.get("controls") ?? {};
    for (const task of this.about().tasks) {
      const one = new Look(task, session);
      Object.assign(one.controls, controls[task.name]);
      for (const [what, value] of kept) {
        const [kind, name, ...variant] = what.split(" ");
        if (kind !== "result" || name !== task.name) continue;
        const exact = value.lossless ? async () => inPng(value) : null;
        one.results.set(variant.join(" "), { ...value, exact });
      }
      session.looks.set(task.name, one);
    }
    const showing = this.show();
    if (look && session.looks.get(look)?.ready) this.viewer.open(session.looks.get(look));
    await showing;
    return true;
  }

  async show() {
    const mine = this.session;
    if (this.viewer.isOpen) this.viewer.dialog.close();
    clearHistory();
    $("picture-name").textContent = mine.name;
    $("download-all").disabled = true;
    this.say("");
    this.grid.photo = null;
    this.grid.start(mine);
    const names = [];
    for (const task of ordered(this.about().tasks)) {
      const look = mine.looks.get(task.name) ?? new Look(task, mine);
      this.grid.add(task.name, task.title, { halved: look.restores });
      if (!mine.tasks.includes(task.name)) {
        this.grid.drop(task.name, `${look.width} \u00d7 ${look.height} is too large here`);
        mine.looks.delete(task.name);
        continue;
      }
      mine.looks.set(task.name, look);
      if (look.ready) this.refreshed(look);
      else if (this.wanted(task.name)) names.push(task.name);
      else this.grid.drop(task.name, "Click to render");
    }
    for (const [name, look] of mine.looks) if (!look.ready && !names.includes(name)) this.leaveOut(name);
    const photo = mine.base(1, mine.reduced).then((file) => pixels(file, this.grid.width, this.grid.height)).then((image) => {
      if (mine === this.session) this.grid.showPhoto(image, `${mine.width} \u00d7 ${mine.height}`);
    });
    // Looks may be ready before the photo, and report their own errors.
    await Promise.all([photo.catch((error) => names.length || complain(error, { file: mine.name })), this.render(names)]);
    if (mine === this.session && names.length === 0) this.told();
  }

  leaveOut(name) {
    this.grid.drop(name, "Click to render", { offered: true });
  }

  // Renders looks, and shows each as soon as it is ready: whole pictures first, then magnified details.
  async render(names) {
    if (names.length === 0) return;
    const mine = this.session;
    const stop = (this.stop = new AbortController());
    const shown = [];
    const started = performance.now();
    let made = 0;
    names.forEach((name) => this.grid.wait(name));
    $("progress").hidden = $("cancel").hidden = false;
    const some = async (chosen, part) => {
      if (chosen.length === 0) return;
      const before = made;
      await mine.render(chosen, {
        part,
        signal: stop.signal,
        changed: (now) => mine === this.session && this.progress(now, started, (before + chosen.length * (now.progress || 0)) / names.length, made, names.length),
        made: (name) => {
          made++;
          if (mine === this.session) shown.push(this.grid.show(mine.looks.get(name)));
        },
      });
    };
    try {
      const restoring = names.filter((name) => mine.looks.get(name).restores);
      const painting = names.filter((name) => !restoring.includes(name));
      if (mine.large) {
        await some(painting, mine.reduced);
        if (restoring.length) await some(restoring, await mine.cut(this.grid.width, this.grid.height));
      } else await some([...painting, ...restoring], null);
      await Promise.all(shown);
      if (mine === this.session) this.told();
    } catch (error) {
      if (mine !== this.session) return;
      const left = names.filter((name) => !mine.looks.get(name).ready);
      left.forEach((name) => this.leaveOut(name));
      this.say(stop.signal.aborted ? `Cancelled; ${this.ready().length} looks are here` : "");
      if (!stop.signal.aborted) complain(error, { file: mine.name, again: () => this.render(left) });
    } finally {
      if (mine === this.session && this.stop === stop) {
        $("progress").hidden = $("cancel").hidden = true;
        $("download-all").disabled = this.ready().length === 0;
      }
    }
  }

  progress({ state, ahead }, started, share, made, all) {
    // Unknown before the first tile.
    if (state !== "queued" && share) $("progress").value = share;
    else $("progress").removeAttribute("value");
    if (state === "queued") this.say(ahead ? `Waiting for ${ahead} other${ahead > 1 ? "s" : ""}` : "Waiting");
    else if (state in DOING) this.say([`${DOING[state]}${made ? `: ${made} of ${all} looks` : ""}`, remaining(started, share)].filter(Boolean).join(", "));
  }

  told() {
    const count = this.ready().length;
    const looks = `${count} look${count === 1 ? "" : "s"}`;
    if (count === 0) this.say("");
    else if (this.ready().every((look) => look.whole)) this.say(`${looks}; click one to compare it with the photo`);
    else this.say(`${looks} as previews; click one to render it at full size`);
    $("download-all").disabled = count === 0;
  }

  ready() {
    return [...(this.session?.looks.values() ?? [])].filter((look) => look.ready);
  }

  // -- looks -------------------------------------------------------------------------------------

  refreshed(look) {
    this.grid.show(look).catch((error) => complain(error));
  }

  changed(look) {
    this.refreshed(look);
    look.session.keepControls();
  }

  goBack() {
    const look = undo();
    if (!look) return;
    this.changed(look);
    if (this.viewer.isOpen) this.viewer.open(look);
  }

  // Adds a look.
  async add(task) {
    if (!this.session || !task) return;
    this.session.looks.set(task.name, new Look(task, this.session));
    this.session.tasks = [...this.session.tasks, task.name];
    const card = this.grid.add(task.name, task.title);
    card.button.scrollIntoView({ block: "nearest" });
    await this.render([task.name]);
  }

  // -- leaving -----------------------------------------------------------------------------------

  async downloadAll() {
    const mine = this.session;
    const stop = (this.stop = new AbortController());
    $("download-all").disabled = true;
    $("cancel").hidden = $("progress").hidden = false;
    const looks = this.ready();
    const started = performance.now();
    try {
      const files = [];
      for (const [i, look] of looks.entries()) {
        const share = (within) => {
          $("progress").value = (i + within) / looks.length;
          this.say([`Preparing ${look.title}, ${i + 1} of ${looks.length}`, remaining(started, (i + within) / looks.length)].filter(Boolean).join(", "));
        };
        share(0);
        const png = await look.saved({ signal: stop.signal, changed: ({ state, progress }) => state === "running" && share(progress) });
        stop.signal.throwIfAborted();
        files.push([look.fileName + ending(), await inFormat(png)]);
        if (mine === this.session) this.refreshed(look);
      }
      save(await zip(files), `${mine.stem}.zip`);
      this.say(`${files.length} looks are in ${mine.stem}.zip`);
    } catch (error) {
      this.say(error.name === "AbortError" ? "Cancelled" : "");
      complain(error, { file: mine.name });
    } finally {
      if (mine === this.session) {
        $("cancel").hidden = $("progress").hidden = true;
        $("download-all").disabled = false;
      }
    }
  }

  leave() {
    if (this.viewer.isOpen) this.viewer.dialog.close();
    this.session?.leave();
    this.session = null;
    $("progress").hidden = $("cancel").hidden = true;
    clearHistory();
  }
}

// The stored file of a look may be of another lossless type.
async function inPng({ file, width, height }) {
  if (file.type === "image/png") return file;
  return mixedFile({ base: null, look: file, other: null, strength: 1, share: 0, width, height });
}
