// The remaining time, in words that change rarely, because they are read aloud.

const EARLY = 0.02; // of the work; before that there is no telling

// `share` of the work is done since `started`, a time of performance.now().
export function remaining(started, share) {
  if (share < EARLY) return "";
  const seconds = ((performance.now() - started) / 1000) * (1 / share - 1);
  if (seconds < 1.5) return "";
  if (seconds < 10) return `about ${Math.ceil(seconds)} s left`;
  if (seconds < 75) return `about ${Math.ceil(seconds / 5) * 5} s left`;
  return `about ${Math.ceil(seconds / 60)} minutes left`;
}
