// Keeps results in the browser's storage, so that they survive reloading the page, or leaving it and coming back. Data of
// closed tabs is deleted when the page is next opened.

const NAME = "prismgan";
const STORE = "kept";
const KEPT_MS = 3_600_000; // milliseconds that a closed tab may be opened again
const tab = tabOf();

let opening = null;

function opened() {
  opening ??= new Promise((done, fail) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: ["key", "what"] }).createIndex("tab", "tab");
    request.onsuccess = () => done(request.result);
    request.onerror = () => fail(request.error);
  });
  return opening;
}

async function within(mode, work) {
  const store = (await opened()).transaction(STORE, mode).objectStore(STORE);
  return new Promise((done, fail) => {
    const request = work(store);
    request.onsuccess = () => done(request.result);
    request.onerror = () => fail(request.error);
  });
}

// The page works without storage if the browser forbids it, or if it is full.
const lenient = (work) => work.catch((error) => console.warn(`not kept for a reload: ${error.message}`));

export const put = (key, what, value) => lenient(within("readwrite", (store) => store.put({ key, what, value, tab, time: Date.now() })));

// All stored data of one picture, by kind; empty if nothing is stored.
export async function all(key) {
  const rows = await lenient(within("readonly", (store) => store.getAll(IDBKeyRange.bound([key], [key, []]))));
  return new Map((rows ?? []).map(({ what, value }) => [what, value]));
}

export function newKey() {
  return crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`;
}

// A tab's name lasts as long as the tab, and its lock as long as the page is open in it.
function tabOf() {
  let name = null;
  try {
    name = sessionStorage.getItem("prismgan-tab") ?? newKey();
    sessionStorage.setItem("prismgan-tab", name);
  } catch {
    name ??= newKey();
  }
  navigator.locks?.request(`prismgan ${name}`, () => new Promise(() => {})).catch(() => {});
  return name;
}

export async function tidy() {
  await lenient((async () => {
    const locks = navigator.locks ? (await navigator.locks.query()).held.map((lock) => lock.name) : [];
    const oldest = Date.now() - KEPT_MS;
    const database = await opened();
    await new Promise((done, fail) => {
      const transaction = database.transaction(STORE, "readwrite");
      transaction.objectStore(STORE).openCursor().onsuccess = ({ target: { result: cursor } }) => {
        if (!cursor) return;
        const { tab: owner, time } = cursor.value;
        if (owner !== tab && !locks.includes(`prismgan ${owner}`) && time < oldest) cursor.delete();
        cursor.continue();
      };
      transaction.oncomplete = done;
      transaction.onerror = () => fail(transaction.error);
    });
  })());
}
