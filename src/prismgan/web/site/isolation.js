// Registers the service worker, which caches the site for offline use and adds the headers that threads need and most
// static hosts do not send.

const KEY = "prismgan-isolated";
const CONTROL_MS = 4000; // milliseconds

let touched = false; // a picture was opened, so the page must not reload
addEventListener("change", () => (touched = true), true);
addEventListener("click", () => (touched = true), true);
addEventListener("drop", () => (touched = true), true);
addEventListener("paste", () => (touched = true), true);

// Waits until the page is under the service worker's control, if there can be one.
export async function isolated() {
  const { serviceWorker } = navigator;
  if (!serviceWorker) return; // no HTTPS, or a browser that keeps nothing: one thread, and no use without a connection
  const before = serviceWorker.controller;
  const controlled = new Promise((done) => serviceWorker.addEventListener("controllerchange", done, { once: true }));
  // A newer site has replaced an older one.
  controlled.then(() => before && !touched && location.reload());
  try {
    await serviceWorker.register("service-worker.js");
  } catch {
    return;
  }
  if (!serviceWorker.controller) await Promise.race([controlled, new Promise((done) => setTimeout(done, CONTROL_MS))]);
  if (crossOriginIsolated || touched || !serviceWorker.controller || reloaded()) return;
  location.reload();
  await new Promise(() => {}); // nothing is to be loaded by a page that ends
}

// Whether this tab was already reloaded; one attempt is enough.
function reloaded() {
  try {
    const before = sessionStorage.getItem(KEY);
    sessionStorage.setItem(KEY, "yes");
    return before !== null;
  } catch {
    return true;
  }
}
