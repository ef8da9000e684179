// Undo for changes of controls. Dragging a slider counts as one change.

const MOST = 200;
const changes = [];
const listeners = [];

export const canUndo = () => changes.length > 0;
export const onHistory = (listener) => listeners.push(listener);
const tell = () => listeners.forEach((listener) => listener());

export function remember(look, before) {
  if (JSON.stringify(before) === JSON.stringify(look.controls)) return;
  changes.push({ look, before });
  if (changes.length > MOST) changes.shift();
  tell();
}

// The look whose controls were reverted by one change.
export function undo() {
  const change = changes.pop();
  if (!change) return null;
  change.look.controls = change.before;
  tell();
  return change.look;
}

export function clearHistory() {
  changes.length = 0;
  tell();
}
