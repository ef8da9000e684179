// The longest side in pixels at which looks are painted by default. Small pictures are enlarged, at most twofold, and
// large ones reduced, as in render/painting.py. `bounds` are the engine's.
export const paintedSide = (longest, bounds) => Math.min(Math.max(longest, Math.min(2 * longest, bounds.fine)), bounds.default);
