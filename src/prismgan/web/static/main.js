// The page: passes input to the section that handles it.
import { Choice } from "./choice.js";
import * as engine from "./engine.js";
import { Unreachable } from "./errors.js";
import * as keeping from "./keeping.js";
import { ordered } from "./looks.js";
import { complain, hush } from "./messages.js";
import * as places from "./places.js";
import { setting } from "./settings.js";
import { Work } from "./work.js";
import "./theme.js";

const $ = (id) => document.getElementById(id);
const PARTS = ["start", "work", "batch-work", "clip-work", "camera-work"];
const SAMPLE = "Sample: ";
let about = null; // the engine's abilities
let latest = 0; // number of the newest picture that was chosen
let styling = null; // where the engine can learn
let video = null; // where it takes clips
let camera = null; // these two on first use
let batch = null;

// -- elements and sections -----------------------------------------------------------------------

const megabytes = (bytes) => `${Math.round(bytes / 1e6)} MB`;
const leftOut = setting("left-out", []);
const wanted = (name) => !leftOut.get().includes(name);
const choice = new Choice($("start-looks"), { changed: choose });
const work = new Work({ about: () => about, wanted });

function choose(names) {
  leftOut.set(about.tasks.map(({ name }) => name).filter((name) => !names.includes(name)));
  summarise(names.length);
}

function summarise(count) {
  $("start-count").textContent = count === about.tasks.length ? `all ${count}` : `${count} of ${about.tasks.length}`;
}

async function learnAbout() {
  try {
    about = await engine.about();
  } catch (error) {
    complain(error, { again: learnAbout });
    return false;
  }
  choice.set(ordered(about.tasks).map(({ name, title }) => ({ name, title, chosen: wanted(name) })));
  summarise(choice.chosen.length);
  $("start-choice").hidden = false;
  $("limits").textContent = `${engine.words.formats}, up to ${megabytes(about.upload_bytes)} and ${Math.round(about.pixels / 1e6)} megapixels`;
  $("samples").querySelectorAll("button").forEach((button) => button.remove());
  for (const { name, title, address } of about.samples) {
    const button = Object.assign(document.createElement("button"), { type: "button", title });
    button.setAttribute("aria-label", SAMPLE + title);
    button.append(Object.assign(document.createElement("img"), { src: address, alt: "", width: 170, height: 114 }));
    button.addEventListener("click", () => trySample(name, address));
    $("samples").append(button);
  }
  $("samples").hidden = about.samples.length === 0;
  if (engine.can.video && about.clips) {
    $("limits").textContent += `; clips up to ${megabytes(about.clips.upload_bytes)} and ${Math.round(about.clips.seconds / 60)} minutes`;
    video ??= await makeVideo();
  }
  return true;
}

async function trySample(name, address) {
  try {
    await take([new File([await (await fetch(address)).blob()], `${name}.jpg`, { type: "image/jpeg" })]);
  } catch (error) {
    complain(error instanceof TypeError ? new Unreachable(engine.words.unreachable) : error);
  }
}

// -- input ---------------------------------------------------------------------------------------

const isClip = (file) => file.type.startsWith("video/") || /\.(mkv|avi|mts|m2ts)$/i.test(file.name);

// Files from the user.
async function take(files) {
  hush();
  if (!about && !(await learnAbout())) return;
  const clips = files.filter(isClip);
  if (clips.length && !video) complain(new Error(engine.noClips), { file: clips[0].name });
  else if (clips.length > 1 || (clips.length && files.length > 1)) complain(new Error("Clips are rendered one at a time. Choose a single clip."));
  else if (clips.length) await video.take(clips[0]);
  else if (files.length > 1 || !$("batch-work").hidden) await takeSeveral(files);
  else if (files.length) await takeOne(files[0]);
}

async function takeOne(file) {
  const number = ++latest;
  if (file.size > about.upload_bytes) {
    complain(new Error(`The file has ${megabytes(file.size)}, but the limit is ${megabytes(about.upload_bytes)}. Send a smaller one.`), { file: file.name });
    return;
  }
  sending(true);
  try {
    const picture = await engine.open(file);
    if (number !== latest) {
      engine.forget(picture);
      return;
    }
    video?.leave();
    camera?.end();
    sending(false);
    enter("work");
    await work.start(file, picture);
  } catch (error) {
    // Retrying helps if nothing answered, but not if the file was read.
    if (number === latest) complain(error, { file: file.name, again: error instanceof Unreachable ? () => takeOne(file) : null });
  } finally {
    if (number === latest) sending(false);
  }
}

async function takeSeveral(files) {
  const { Batch } = await import("./batch.js");
  batch ??= new Batch({ about: () => about, wanted, chose: choose });
  if ($("batch-work").hidden) leaveFor("batch-work");
  batch.add(files);
}

function sending(is) {
  $("choose").disabled = is;
  $("choose").textContent = is ? "Sending" : "Choose pictures";
  if (is && work.session) {
    $("progress").removeAttribute("value");
    $("progress").hidden = false;
  } else if (!is && !work.session) $("progress").hidden = true;
}

for (const id of ["choose", "another", "batch-more", "clip-leave"]) $(id).addEventListener("click", () => $("file").click());
$("file").addEventListener("change", () => {
  const files = [...$("file").files];
  $("file").value = ""; // so that the same file can be chosen again
  if (files.length) take(files);
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
  const files = [...(transfer?.files ?? [])];
  if (files.length) take(files);
  else complain(new Error("That does not contain a picture. Drop or paste the picture itself, not its address."));
}

// -- sections of the page ------------------------------------------------------------------------

function enter(part) {
  for (const one of PARTS) $(one).hidden = one !== part;
  if (part !== "batch-work") batch?.leave();
}

// For a section without its own address; "back" leads to the previous picture.
function leaveFor(part) {
  latest++; // a picture that is being sent is not waited for
  work.leave();
  if (part !== "camera-work") camera?.end();
  if (part !== "clip-work") video?.leave();
  hush();
  places.go({});
  enter(part);
}

async function goWhereTheAddressSays() {
  const place = places.here();
  if (!place.picture) {
    if (work.viewer.isOpen) work.viewer.dialog.close();
    if ($("work").hidden) return;
    enter("start");
    return;
  }
  if (!about && !(await learnAbout())) return;
  camera?.end();
  video?.leave();
  const before = work.session;
  enter("work");
  if (await work.restore(place)) return;
  if (before === work.session) enter("start");
  places.stay({});
}

places.onMove(goWhereTheAddressSays);
$("home").addEventListener("click", (event) => {
  event.preventDefault();
  leaveFor("start");
});

$("camera").addEventListener("click", async () => {
  hush();
  try {
    if (!about && !(await learnAbout())) return;
    const { Camera } = await import("./camera.js");
    camera ??= new Camera({
      complain,
      tasks: () => about.tasks,
      entered: () => leaveFor("camera-work"),
      left: () => enter("start"),
      taken: (file) => take([file]),
    });
    await camera.start();
  } catch (error) {
    complain(error);
  }
});

async function makeVideo() {
  const { Video } = await import("./video.js");
  return new Video({ about: () => about, complain, entered: () => leaveFor("clip-work") });
}

async function makeStyling() {
  const { Styling } = await import("./styling.js");
  styling = new Styling({
    shown: async () => (work.session ? (await work.session.ask(async (picture) => picture)).id : null),
    tasks: () => about.tasks,
    learnt: async (name) => {
      about = await engine.about();
      await work.add(about.tasks.find((task) => task.name === name)).catch(complain);
    },
  });
}

$("add-style").addEventListener("click", () => styling?.open(about.minutes));
$("add-style").hidden = !engine.can.styles;
if (engine.can.styles) makeStyling();

// -- leaving -------------------------------------------------------------------------------------


// Work that takes minutes must not be lost by accident.
addEventListener("beforeunload", (event) => {
  if (batch?.stop || video?.busy || styling?.job) event.preventDefault();
});

addEventListener("pagehide", (event) => {
  if (event.persisted) return;
  work.session?.leave();
  styling?.leave();
  video?.leave();
  camera?.end();
});

$("privacy").textContent = engine.words.privacy;
$("for-programs").hidden = !engine.can.styles; // a server, which has an API
keeping.tidy();
if (await learnAbout()) await goWhereTheAddressSays();
