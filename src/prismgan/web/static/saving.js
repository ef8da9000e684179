// Downloads: formats, file names, and the clipboard.
import { converted } from "./mixing.js";
import { setting } from "./settings.js";

export const FORMATS = {
  png: { title: "PNG", type: "image/png" },
  jpg: { title: "JPEG", type: "image/jpeg" },
  webp: { title: "WebP", type: "image/webp" },
};
const QUALITY = 92;
const chosen = setting("format", { format: "png", quality: QUALITY });
const listeners = [];

export const format = () => chosen.get();
export const ending = () => `.${format().format}`;

// A select for the format and, if there is one, a slider for the quality with its output.
export function offerFormats(select, quality = null, output = null) {
  select.replaceChildren(...Object.entries(FORMATS).map(([name, { title }]) => new Option(title, name)));
  const show = () => {
    const now = format();
    select.value = now.format;
    if (!quality) return;
    quality.value = now.quality;
    quality.closest(".control").hidden = now.format === "png";
    output.textContent = now.quality;
  };
  const set = (changes) => {
    chosen.set({ ...format(), ...changes });
    listeners.forEach((listener) => listener());
  };
  listeners.push(show);
  select.addEventListener("change", () => set({ format: select.value }));
  quality?.addEventListener("input", () => set({ quality: Number(quality.value) }));
  show();
}

// A PNG in the chosen format.
export async function inFormat(png) {
  const { format: name, quality } = format();
  if (name === "png") return png;
  const { type, title } = FORMATS[name];
  const file = await converted(png, type, quality / 100);
  if (file.type !== type) throw new Error(`This browser does not write ${title}. Choose another format.`);
  return file;
}

// A file's name without its extension, for files derived from it.
export const stem = (name) => name.replace(/\.[^.]*$/, "").replace(/[^\p{L}\p{N}._ -]/gu, "_") || "picture";

export function save(file, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = name;
  document.body.append(link); // Firefox clicks only links in the document
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

// `png` may be a promise, because the browser's permission is needed before the file is ready.
export async function copy(png) {
  if (!navigator.clipboard?.write || !globalThis.ClipboardItem) throw new Error("This browser does not let a page copy pictures. Download it instead.");
  try {
    await navigator.clipboard.write([new ClipboardItem({ "image/png": png })]);
  } catch (error) {
    await png; // reports an error of the picture, if there is one
    throw new Error(`The browser did not allow the picture to be copied (${error.message}). Download it instead.`);
  }
}
