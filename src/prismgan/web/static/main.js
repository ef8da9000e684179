// The page: a picture comes in, its looks come out.
import * as server from "./server.js";
import { Grid } from "./grid.js";
import { canUndo, clearHistory, onHistory, undo } from "./history.js";
import { Look, Session } from "./looks.js";
import { pixels } from "./mixing.js";
import { save } from "./saving.js";
import { Styling } from "./styling.js";
import { Viewer } from "./viewer.js";
import { zip } from "./zip.js";
import "./theme.js";

const $ = (id) => document.getElementById(id);
let about = null; // what the server can do
let session = null;
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
    about = await server.tasks();
  } catch (error) {
    complain(error, learnAbout);
    return;
  }
  $("limits").textContent = `PNG, JPEG, WebP, TIFF or AVIF, up to ${megabytes(about.upload_bytes)} and ${Math.round(about.pixels / 1e6)} megapixels`;
  $("samples").querySelectorAll("button").forEach((button) => button.remove());
  for (const name of about.samples) {
    const button = document.createElement("button");
    button.type = "button";
    button.setAttribute("aria-label", `Sample: ${name}`);
    const image = document.createElement("img");
    image.src = `/api/samples/${name}`;
    image.alt = "";
    button.append(image);
    button.addEventListener("click", () => trySample(name));
    $("samples").append(button);
  }
  $("samples").hidden = about.samples.length === 0;
}

async function trySample(name) {
  try {
    await take(new File([await server.blob(`/api/samples/${name}`)], `${name}.jpg`));
  } catch (error) {
    complain(error);
  }
}

// Any file that somebody gave us.
async function take(file) {
  const number = ++latest;
  $("message").hidden = true;
  if (!about) await learnAbout();
  if (!about) return;
  if (file.size > about.upload_bytes) {
    complain(new Error(`The picture's file has ${megabytes(file.size)}, and ${megabytes(about.upload_bytes)} are taken. Send a smaller one.`));
    return;
  }
  sending(true);
  try {
    const picture = await server.upload(file);
    if (number !== latest) {
      server.forget("pictures", picture.id);
      return;
    }
    session?.leave();
    session = new Session(picture, file.name || "picture");
    sending(false);
    await show(session);
  } catch (error) {
    // Trying again helps where the server was away, not where it has read the file.
    if (number === latest) complain(error, error instanceof server.Unreachable ? () => take(file) : null);
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

async function show(mine) {
  if (viewer.isOpen) viewer.dialog.close();
  clearHistory();
  $("start").hidden = true;
  $("work").hidden = false;
  $("picture-name").textContent = mine.name;
  $("download-all").disabled = true;
  grid.start(mine);
  for (const task of about.tasks) {
    const look = new Look(task, mine);
    grid.add(task.name, task.title);
    if (mine.fitting.includes(task.name)) mine.looks.set(task.name, look);
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
  try {
    const job = await server.render(mine.id, { tasks: names });
    mine.jobs.add(job.id);
    if (mine.signal.aborted) server.forget("renders", job.id); // another picture was chosen meanwhile
    $("progress").hidden = $("cancel").hidden = false;
    $("cancel").onclick = () => server.forget("renders", job.id);
    const state = await server.follow(job, { changed: (now) => mine === session && progress(now), signal: mine.signal });
    if (state.state !== "done") throw new Error(state.error ?? "The rendering was cancelled.");
    say("Fetching the looks");
    await Promise.all(names.map(async (name) => {
      const look = mine.looks.get(name);
      await look.fetch(job, 0);
      if (mine === session) await grid.show(look);
    }));
    if (mine !== session) return;
    say(`${ready().length} looks; click one to compare it with the photo`);
    $("download-all").disabled = false;
  } catch (error) {
    if (mine !== session) return;
    say("");
    for (const name of names) if (!mine.looks.get(name).ready) grid.drop(name, "not made");
    const again = error instanceof server.Forgotten ? null : () => renderAll(mine, names);
    complain(error, again);
  } finally {
    if (mine === session) $("progress").hidden = $("cancel").hidden = true;
  }
}

function progress(state) {
  if (state.state === "queued") {
    $("progress").removeAttribute("value");
    say(state.ahead ? `Waiting for ${state.ahead} other${state.ahead > 1 ? "s" : ""}` : "Waiting");
  } else {
    if (state.progress) $("progress").value = state.progress;
    else $("progress").removeAttribute("value"); // there is no telling before the first tile
    say("Rendering");
  }
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
  styling.leave();
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

const styling = new Styling({
  shown: () => session?.id ?? null,
  taken: () => about.tasks.map((task) => task.name),
  learnt: async (name) => {
    try {
      about = await server.tasks();
      const task = about.tasks.find((one) => one.name === name);
      if (!session || !task) return;
      const look = new Look(task, session);
      session.looks.set(name, look);
      const card = grid.add(name, task.title);
      card.button.scrollIntoView({ block: "nearest" });
      await renderAll(session, [name]);
    } catch (error) {
      complain(error);
    }
  },
});
$("add-style").addEventListener("click", () => styling.open(about.minutes));

learnAbout();
