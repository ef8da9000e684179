// Styles are painted from the whole picture, at a separate size, and then enlarged, as in render/painting.py, which
// explains why. Images are { data, channels, height, width }: Float32Array (channels, height, width).
import { paintedSide } from "./brush.js";
import { Resampler, resize } from "./resampling.js";

const LEAST = 16; // pixels of a side
const RADIUS = 3; // of the window in which a look's slope is measured, in pixels
const EPSILON = 0.01;

// Height and width at which a picture is painted; `brush` is the longest side, by default between `bounds`.
export function canvasSides(height, width, brush, bounds) {
  const longest = Math.max(height, width);
  const factor = (brush ?? paintedSide(longest, bounds)) / longest;
  return [height, width].map((length) => Math.max(LEAST, roundedToEven(length * factor)));
}

export class Canvas {
  // `pixels` is ImageData of RGB.
  constructor(pixels, brush, bounds) {
    this.pixels = pixels;
    const [height, width] = canvasSides(pixels.height, pixels.width, brush, bounds);
    Object.assign(this, { height, width, source: reduced(pixels, height, width), guide: null });
  }

  // Writes a look (3, rows, columns) of this canvas, of whole cells, into a BitmapFile of the picture's size.
  write(data, rows, columns, file) {
    const { height, width } = this.pixels;
    const across = { start: 0, stop: width, first: 0 };
    if (this.height === height && this.width === width) {
      file.write(data, rows, columns, { start: 0, stop: height, first: 0 }, across);
      return;
    }
    const painted = clipped({ data, channels: 3, height: rows, width: columns }, this.height, this.width);
    const look = new Resampler(painted, height, width);
    const slope = this.height < height ? new Resampler(this.slope(painted), height, width) : null;
    const guide = slope && new Resampler(this.guide.image, height, width);
    for (let y = 0; y < height; y++) {
      const line = look.row(y);
      if (slope) this.addDetail(line, slope.row(y), guide.row(y), y);
      file.write(line, 1, width, { start: y, stop: y + 1, first: y }, across);
    }
  }

  // The picture's brightness detail that the canvas lacks, as far as the look follows it.
  addDetail(line, slope, light, y) {
    const { data, width } = this.pixels;
    for (let x = 0, from = 4 * y * width; x < width; x++, from += 4) {
      const detail = (0.299 * data[from] + 0.587 * data[from + 1] + 0.114 * data[from + 2]) / 127.5 - 1 - light[x];
      line[x] += slope[x] * detail;
      line[x + width] += slope[x + width] * detail;
      line[x + 2 * width] += slope[x + 2 * width] * detail;
    }
  }

  // How much a look follows the photo's brightness around each pixel, in [-1, 1]: `local_slope` of filters.py.
  slope({ data, channels, height, width }) {
    this.guide ??= guideOf(this.source);
    const { image, mean, variance } = this.guide;
    const plane = height * width;
    const slopes = new Float32Array(channels * plane);
    for (let channel = 0; channel < channels; channel++) {
      const values = data.subarray(channel * plane, (channel + 1) * plane);
      const around = box(values, height, width);
      const ratio = box(values.map((value, i) => value * image.data[i]), height, width);
      for (let i = 0; i < plane; i++) ratio[i] = (ratio[i] - mean[i] * around[i]) / (variance[i] + EPSILON);
      slopes.set(box(ratio, height, width).map((value) => Math.max(-1, Math.min(1, value))), channel * plane);
    }
    return { data: slopes, channels, height, width };
  }
}

// The photo's brightness, and its mean and variance around each pixel.
function guideOf({ data, height, width }) {
  const plane = height * width;
  const light = new Float32Array(plane);
  for (let i = 0; i < plane; i++) light[i] = 0.299 * data[i] + 0.587 * data[i + plane] + 0.114 * data[i + 2 * plane];
  const mean = box(light, height, width);
  const variance = box(light.map((value) => value * value), height, width).map((value, i) => value - mean[i] * mean[i]);
  return { image: { data: light, channels: 1, height, width }, mean, variance };
}

// Mean over a square window, with replicated borders.
function box(values, height, width) {
  const side = 2 * RADIUS + 1;
  const across = new Float32Array(values.length);
  const last = width - 1;
  for (let y = 0, row = 0; y < height; y++, row += width) {
    let sum = 0;
    for (let x = -RADIUS; x <= RADIUS; x++) sum += values[row + Math.max(0, Math.min(last, x))];
    for (let x = 0; x < width; x++) {
      across[row + x] = sum / side;
      sum += values[row + Math.min(last, x + RADIUS + 1)] - values[row + Math.max(0, x - RADIUS)];
    }
  }
  const means = new Float32Array(values.length);
  const sums = new Float64Array(width);
  const rowAt = (y) => Math.max(0, Math.min(height - 1, y)) * width;
  for (let y = -RADIUS; y <= RADIUS; y++) for (let x = 0, row = rowAt(y); x < width; x++) sums[x] += across[row + x];
  for (let y = 0; y < height; y++) {
    const enters = rowAt(y + RADIUS + 1);
    const leaves = rowAt(y - RADIUS);
    for (let x = 0, to = y * width; x < width; x++, to++) {
      means[to] = sums[x] / side;
      sums[x] += across[enters + x] - across[leaves + x];
    }
  }
  return means;
}

// RGB in [-1, 1] at these sides; a large picture is first averaged over whole blocks.
function reduced(pixels, height, width) {
  const block = Math.max(1, Math.min(Math.floor(pixels.height / height), Math.floor(pixels.width / width)));
  const rows = Math.ceil(pixels.height / block);
  const columns = Math.ceil(pixels.width / block);
  const plane = rows * columns;
  const data = new Float32Array(3 * plane);
  for (let y = 0, from = 0; y < pixels.height; y++) {
    const down = Math.min(block, pixels.height - y + (y % block)); // pixels of a block, which the border may cut
    const to = Math.floor(y / block) * columns;
    for (let x = 0; x < pixels.width; x++, from += 4) {
      const share = 1 / (down * Math.min(block, pixels.width - x + (x % block)));
      const at = to + Math.floor(x / block);
      for (let channel = 0; channel < 3; channel++) data[at + channel * plane] += share * (pixels.data[from + channel] / 127.5 - 1);
    }
  }
  return clipped(resize({ data, channels: 3, height: rows, width: columns }, height, width), height, width);
}

// The upper left part with these sides, in [-1, 1].
function clipped({ data, channels, height: rows, width: columns }, height, width) {
  const part = new Float32Array(channels * height * width);
  for (let y = 0, to = 0; y < channels * height; y++) {
    const from = (Math.floor(y / height) * rows + (y % height)) * columns;
    for (let x = 0; x < width; x++, to++) part[to] = Math.max(-1, Math.min(1, data[from + x]));
  }
  return { data: part, channels, height, width };
}

// Rounds like Python: a half to the even neighbour.
function roundedToEven(value) {
  const below = Math.floor(value);
  if (value - below === 0.5) return below + (below % 2);
  return Math.round(value);
}
