// The page: a picture comes in, its looks come out.
import * as engine from "./engine.js";
import { Forgotten, Unreachable } from "./errors.js";
import { Grid } from "./grid.js";
import { canUndo, clearHistory, onHistory, undo } from "./history.js";
import { Look, Session } from "./looks.js";
import { pixels } from "./mixing.js";
import { save } from "./saving.js";
import { Viewer } from "./viewer.js";
import { zip } from "./zip.js";
import "./theme.js";

const $ = (id) => document.getElementById(id);
let about = null; // what the engine can make
let session = null;
let styling = null; // where the engine can learn
let video = null; // where it takes clips
let camera = null; // once somebody asked for it
let latest = 0; // number of the newest picture that was chosen

// -- messages ------------------------------------------------------------------------------------

function complain(error, retry = null) {
  if (error.name === "AbortError") return;
  $("message").querySelector("p").textContent = error.message;
  $("retry").hidden = !retry;
  $("retry").onclick = () => {
    $("message").hidden = true;
    retry();
  };
  $("message").hidden = false;
}

const say = (text) => {
  if ($("status").textContent !== text) $("status").textContent = text;
};
$("dismiss").addEventListener("click", () => ($("message").hidden = true));

// -- a picture -----------------------------------------------------------------------------------

const megabytes = (bytes) => `${Math.round(bytes / 1e6)} MB`;

async function learnAbout() {
  try {
    about = await engine.about();
  } catch (error) {
    complain(error, learnAbout);
    return;
  }
  $("limits").textContent = `${engine.words.formats}, up to ${megabytes(about.upload_bytes)} and ${Math.round(about.pixels / 1e6)} megapixels`;
  $("samples").querySelectorAll("button").forEach((button) => button.remove());
  for (const { name, address } of about.samples) {
    const button = document.createElement("button");
    button.type = "button";
    button.setAttribute("aria-label", `Sample: ${name}`);
    const image = document.createElement("img");
    image.src = address;
    image.alt = "";
    button.append(image);
    button.addEventListener("click", () => trySample(name, address));
    $("samples").append(button);
  }
  $("samples").hidden = about.samples.length === 0;
  if (!engine.can.video || !about.clips) return;
  $("limits").textContent += `; clips up to ${megabytes(about.clips.upload_bytes)} and ${Math.round(about.clips.seconds / 60)} minutes`;
  video ??= await makeVideo();
}

async function trySample(name, address) {
  try {
    await take(new File([await (await fetch(address)).blob()], `${name}.jpg`));
  } catch (error) {
    complain(error instanceof TypeError ? new Unreachable(engine.words.unreachable) : error);
  }
}

// Any file that somebody gave us.
async function take(file) {
  const number = ++latest;
  $("message").hidden = true;
  if (!about) await learnAbout();
  if (!about) return;
  if (video?.takes(file)) {
    video.take(file);
    return;
  }
  if (file.size > about.upload_bytes) {
    complain(new Error(`The picture's file has ${megabytes(file.size)}, and ${megabytes(about.upload_bytes)} are taken. Send a smaller one.`));
    return;
  }
  sending(true);
  try {
    const picture = await engine.open(file);
    if (number !== latest) {
      engine.forget(picture);
      return;
    }
    session?.leave();
    video?.leave();
    camera?.end();
    session = new Session(picture, file.name || "picture");
    sending(false);
    await show(session);
  } catch (error) {
    // Trying again helps where nobody answered, not where the file was read.
    if (number === latest) complain(error, error instanceof Unreachable ? () => take(file) : null);
  } finally {
    if (number === latest) sending(false);
  }
}

function sending(is) {
  $("choose").disabled = is;
  $("choose").textContent = is ? "Sending" : "Choose a picture";
  if (is && session) {
    $("progress").removeAttribute("value");
    $("progress").hidden = false;
  } else if (!is) $("progress").hidden = true;
}

// One of the page's parts in the place of the others.
function enter(part) {
  for (const one of ["start", "work", "clip-work", "camera-work"]) $(one).hidden = one !== part;
}

async function show(mine) {
  if (viewer.isOpen) viewer.dialog.close();
  clearHistory();
  enter("work");
  $("picture-name").textContent = mine.name;
  $("download-all").disabled = true;
  grid.start(mine);
  for (const task of about.tasks) {
    const look = new Look(task, mine);
    grid.add(task.name, task.title);
    if (mine.picture.tasks.includes(task.name)) mine.looks.set(task.name, look);
    else grid.drop(task.name, `${look.width} \u00d7 ${look.height} is too large here`);
  }
  await Promise.all([
    mine.base(1).then((file) => pixels(file, grid.width, grid.height)).then((image) => mine === session && grid.showPhoto(image)),
    renderAll(mine, [...mine.looks.keys()]),
  ]);
}

// Have looks made, and show each as soon as it is here.
async function renderAll(mine, names) {
  if (names.length === 0) return;
  const cancel = new AbortController();
  $("cancel").onclick = () => cancel.abort(new Error("The rendering was cancelled."));
  $("progress").hidden = $("cancel").hidden = false;
  const shown = [];
  try {
    await engine.render(mine.picture, { tasks: names, seed: 0 }, {
      changed: (now) => mine === session && progress(now),
      made: (name, result) => {
        const look = mine.looks.get(name);
        look.results.set(0, result);
        if (mine === session) shown.push(grid.show(look));
      },
      signal: AbortSignal.any([mine.signal, cancel.signal]),
    });
    await Promise.all(shown);
    if (mine !== session) return;
    say(`${ready().length} looks; click one to compare it with the photo`);
  } catch (error) {
    if (mine !== session) return;
    say("");
    for (const name of names) if (!mine.looks.get(name).ready) grid.drop(name, "not made");
    const again = () => renderAll(mine, names.filter((name) => !mine.looks.get(name).ready));
    complain(error, error instanceof Forgotten ? null : again);
  } finally {
    if (mine === session) {
      $("progress").hidden = $("cancel").hidden = true;
      $("download-all").disabled = ready().length === 0;
    }
  }
}

const DOING = { loading: "Loading the network", running: "Rendering", fetching: "Fetching the looks" };

function progress({ state, ahead, progress: share }) {
  // There is no telling before the first tile.
  if (state !== "queued" && share) $("progress").value = share;
  else $("progress").removeAttribute("value");
  if (state === "queued") say(ahead ? `Waiting for ${ahead} other${ahead > 1 ? "s" : ""}` : "Waiting");
  else if (state in DOING) say(DOING[state]);
}

const ready = () => [...session.looks.values()].filter((look) => look.ready);

// -- ways in -------------------------------------------------------------------------------------

$("choose").addEventListener("click", () => $("file").click());
$("another").addEventListener("click", () => $("file").click());
$("file").addEventListener("change", () => {
  const [file] = $("file").files;
  $("file").value = ""; // so that the same file can be chosen again
  if (file) take(file);
});
addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("over");
});
addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) document.body.classList.remove("over");
});
addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("over");
  given(event.dataTransfer);
});
addEventListener("paste", (event) => {
  if (event.target.closest?.("input[type=text], input[type=number]")) return;
  if (document.querySelector("dialog[open]")) return;
  given(event.clipboardData);
});

function given(transfer) {
  const [file] = transfer?.files ?? [];
  if (file) take(file);
  else complain(new Error("That holds no picture. Drop or paste a picture itself, not its address."));
}

// -- ways out ------------------------------------------------------------------------------------

$("download-all").addEventListener("click", async () => {
  const mine = session;
  $("download-all").disabled = true;
  try {
    const files = [];
    for (const look of ready()) {
      say(`Preparing ${look.title}`);
      files.push([`${mine.stem}-${look.name}.png`, await look.saved()]);
    }
    save(await zip(files), `${mine.stem}.zip`);
    say(`${files.length} looks are in ${mine.stem}.zip`);
  } catch (error) {
    complain(error);
  } finally {
    $("download-all").disabled = mine !== session;
  }
});

addEventListener("pagehide", (event) => {
  if (event.persisted) return;
  session?.leave();
  styling?.leave();
  video?.leave();
  camera?.end();
});

// -- looks and controls --------------------------------------------------------------------------

const refreshed = (look) => grid.show(look).catch(complain);

function goBack() {
  const look = undo();
  if (!look) return;
  refreshed(look);
  if (viewer.isOpen) viewer.open(look);
}

const viewer = new Viewer({ changed: refreshed, undo: goBack, closed: (look) => grid.focus(look.name) });
const grid = new Grid($("grid"), (name) => viewer.open(session.looks.get(name)));
onHistory(() => ($("undo").disabled = !canUndo()));
$("undo").addEventListener("click", goBack);
addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input[type=text], input[type=number]");
  if ((event.ctrlKey || event.metaKey) && !event.shiftKey && event.key === "z" && !typing) {
    event.preventDefault();
    goBack();
  }
});

// -- a style more --------------------------------------------------------------------------------

async function makeStyling() {
  const { Styling } = await import("./styling.js");
  styling = new Styling({
    shown: () => session?.picture.id ?? null,
    taken: () => about.tasks.map((task) => task.name),
    learnt: (name) => addLook(name).catch(complain),
  });
}

async function addLook(name) {
  about = await engine.about();
  const task = about.tasks.find((one) => one.name === name);
  if (!session || !task) return;
  session.looks.set(name, new Look(task, session));
  const card = grid.add(name, task.title);
  card.button.scrollIntoView({ block: "nearest" });
  await renderAll(session, [name]);
}

$("add-style").addEventListener("click", () => styling?.open(about.minutes));
$("add-style").hidden = !engine.can.styles;
if (engine.can.styles) makeStyling();

// -- other parts of the page ---------------------------------------------------------------------

function leaveFor(part) {
  latest++; // a picture that is being sent is not waited for
  session?.leave();
  session = null;
  if (part !== "camera-work") camera?.end();
  clearHistory();
  $("message").hidden = true;
  enter(part);
}

$("camera").addEventListener("click", async () => {
  $("message").hidden = true;
  try {
    if (!about) await learnAbout();
    if (!about) return;
    const { Camera } = await import("./camera.js");
    camera ??= new Camera({
      complain,
      tasks: () => about.tasks,
      entered: () => {
        video?.leave();
        leaveFor("camera-work");
      },
      left: () => enter("start"),
      taken: take,
    });
    await camera.start();
  } catch (error) {
    complain(error);
  }
});

// -- clips ---------------------------------------------------------------------------------------

async function makeVideo() {
  const { Video } = await import("./video.js");
  $("clip-leave").addEventListener("click", () => $("file").click());
  return new Video({
    about: () => about,
    complain,
    entered: () => leaveFor("clip-work"),
  });
}

$("privacy").textContent = engine.words.privacy;
learnAbout();
