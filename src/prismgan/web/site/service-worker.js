// Caches the site's files, under a name derived from their content, and adds the headers that threads need.
const SCOPE = new URL(registration.scope).pathname; // another folder of this host may be another site
const CACHE = `prismgan-CONTENT ${SCOPE}`;
const SHELL = ["FILES"]; // files of the page itself; the network and its runtime are cached on first use
const HEADERS = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Cross-Origin-Resource-Policy": "same-origin",
};

addEventListener("install", (event) => {
  skipWaiting();
  const fresh = SHELL.map((path) => new Request(path, { cache: "reload" }));
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(fresh)));
});

addEventListener("activate", (event) => {
  event.waitUntil((async () => {
    const names = await caches.keys();
    const old = names.filter((name) => name.startsWith("prismgan-") && name.endsWith(` ${SCOPE}`) && name !== CACHE);
    await Promise.all(old.map((name) => caches.delete(name)));
    await clients.claim();
  })());
});

addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method === "GET" && request.url.startsWith(registration.scope)) event.respondWith(answer(request));
});

async function answer(request) {
  const cache = await caches.open(CACHE);
  // The page's address may have a query, which is for its scripts.
  let found = await cache.match(request, { ignoreSearch: request.mode === "navigate" });
  if (!found) {
    found = await fetch(request);
    if (found.status === 200) await cache.put(request, found.clone());
  }
  if (found.status === 0) return found;
  const headers = new Headers(found.headers);
  for (const [name, value] of Object.entries(HEADERS)) headers.set(name, value);
  return new Response(found.body, { status: found.status, statusText: found.statusText, headers });
}
