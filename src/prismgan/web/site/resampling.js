// Antialiased bicubic resizing, line by line; the same as `resize` of images/resizing.py.

const SUPPORT = 4; // of the kernel, in pixels

// Keys' kernel with a = -0.5.
function keys(distance) {
  const x = Math.abs(distance);
  if (x <= 1) return 1.5 * x ** 3 - 2.5 * x ** 2 + 1;
  return x < 2 ? -0.5 * x ** 3 + 2.5 * x ** 2 - 4 * x + 2 : 0;
}

// For each of `length` output pixels, the indices and weights of its `count` input pixels, out of `before`.
function taps(before, length) {
  const scale = length / before;
  const narrowing = Math.min(scale, 1); // a picture is reduced by a kernel that is as much wider
  const count = Math.ceil(SUPPORT / narrowing);
  const places = new Int32Array(length * count);
  const weights = new Float64Array(length * count);
  for (let i = 0; i < length; i++) {
    const position = (i + 0.5) / scale - 0.5;
    const first = Math.floor(position - SUPPORT / narrowing / 2) + 1;
    let sum = 0;
    for (let tap = 0, to = i * count; tap < count; tap++, to++) {
      sum += weights[to] = keys(narrowing * (position - first - tap));
      // Borders are mirrored, with the outermost pixel twice.
      const mirrored = (((first + tap) % (2 * before)) + 2 * before) % (2 * before);
      places[to] = mirrored < before ? mirrored : 2 * before - 1 - mirrored;
    }
    for (let to = i * count; to < (i + 1) * count; to++) weights[to] /= sum;
  }
  return { count, places, weights };
}

export class Resampler {
  // Of { data, channels, height, width }: Float32Array (channels, height, width).
  constructor(image, height, width) {
    Object.assign(this, { image, width });
    this.down = taps(image.height, height);
    this.across = taps(image.width, width);
    this.found = new Float32Array(image.channels * width);
    // Rows of the image, resized horizontally; a row of the result needs consecutive ones.
    this.lines = Array.from({ length: this.down.count }, () => ({ row: null, data: new Float32Array(image.channels * width) }));
  }

  // Row `y` of the result, (channels, 1, width); it holds until the next one.
  row(y) {
    const { down, found } = this;
    found.fill(0);
    for (let tap = y * down.count; tap < (y + 1) * down.count; tap++) {
      const weight = down.weights[tap];
      const line = this.line(down.places[tap]);
      for (let x = 0; x < found.length; x++) found[x] += weight * line[x];
    }
    return found;
  }

  // Row `y` of the image, as wide as the result.
  line(y) {
    const { image, across: { count, weights, places }, lines, width } = this;
    const line = lines[y % lines.length];
    if (line.row !== y) {
      line.row = y;
      for (let channel = 0, to = 0; channel < image.channels; channel++) {
        const from = (channel * image.height + y) * image.width;
        for (let x = 0, tap = 0; x < width; x++, to++) {
          let sum = 0;
          for (const end = tap + count; tap < end; tap++) sum += weights[tap] * image.data[from + places[tap]];
          line.data[to] = sum;
        }
      }
    }
    return line.data;
  }
}

// All rows.
export function resize(image, height, width) {
  if (image.height === height && image.width === width) return image;
  const { channels } = image;
  const data = new Float32Array(channels * height * width);
  const resampler = new Resampler(image, height, width);
  for (let y = 0; y < height; y++) {
    const found = resampler.row(y);
    for (let channel = 0; channel < channels; channel++) data.set(found.subarray(channel * width, (channel + 1) * width), (channel * height + y) * width);
  }
  return { data, channels, height, width };
}
