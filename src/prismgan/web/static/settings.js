// Persistent settings. If the browser forbids storage, they last until the page is closed.

const held = new Map();

export function setting(name, fallback) {
  const key = `prismgan-${name}`;
  return {
    get() {
      try {
        const stored = localStorage.getItem(key);
        return stored === null ? (held.get(key) ?? fallback) : JSON.parse(stored);
      } catch {
        return held.get(key) ?? fallback;
      }
    },
    set(value) {
      held.set(key, value);
      try {
        localStorage.setItem(key, JSON.stringify(value));
      } catch {
        // It lasts until the page is closed.
      }
    },
  };
}
