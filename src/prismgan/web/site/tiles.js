// Cuts large pictures into tiles, as in render/tiles.py, which explains why.

function spans(length, side, halo) {
  const found = [];
  for (let start = 0; start < length; start += side) {
    const stop = Math.min(start + side, length);
    found.push({ start, stop, first: Math.max(start - halo, 0), last: Math.min(stop + halo, length) });
  }
  return found;
}

// Sides of equal tiles, in whole cells, of at most `most` pixels.
function evenly(length, most, cell) {
  if (most >= length) return Math.ceil(length / cell) * cell;
  const count = Math.ceil(length / (Math.floor(most / cell) * cell));
  return Math.ceil(length / (count * cell)) * cell;
}

// Tiles { rows, columns } of at most `area` pixels, their halos included; `halo` is a multiple of `cell`.
export function tiles(height, width, halo, cell, area) {
  let rows = height;
  let columns = width;
  if (height * width > area) {
    const side = Math.floor(Math.sqrt(area));
    // A picture that is narrower than a square tile is only cut across its length.
    if (height > side) rows = (width <= side ? Math.floor(area / width) : side) - 2 * halo;
    if (width > side) columns = (height <= side ? Math.floor(area / height) : side) - 2 * halo;
  }
  const across = spans(width, evenly(width, columns, cell), halo);
  return spans(height, evenly(height, rows, cell), halo).flatMap((row) => across.map((column) => ({ rows: row, columns: column })));
}
