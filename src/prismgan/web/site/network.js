// The generator, in the pieces that `export/browser_graphs.py` describes, computed by ONNX Runtime.
import { latent } from "./latent.js";
import { Canvas } from "./painting.js";
import { tiles } from "./tiles.js";

const AREA = 1.2e6; // pixels of a tile with its halo, which fit into a phone's memory
const TOLERANCE = 0.02; // of [-1, 1], two and a half levels of 255
const THREADS = 8; // more are no faster

export class Network {
  constructor(ort, description, provider, files) {
    Object.assign(this, { ort, description, provider, files, sessions: new Map() });
    this.tasks = new Map(description.tasks.map((task) => [task.name, task]));
  }

  // On the GPU if there is one and its results are correct, otherwise on the CPU.
  static async load(description, wanted, inTurn) {
    const files = new Map(description.pieces.map((name) => [name, fetchPiece(description, name)]));
    files.forEach((file) => file.catch(() => {})); // reported when it is used
    if (wanted === "webgpu" || (wanted !== "wasm" && (await hasGraphics()))) {
      try {
        const ort = await runtime(description, "ort.webgpu.min.mjs");
        const network = new Network(ort, description, "webgpu", files);
        await inTurn(() => network.check());
        return network;
      } catch (error) {
        console.warn(`not on the graphics processor: ${error.message}`);
      }
    }
    const ort = await runtime(description, "ort.wasm.min.mjs");
    ort.env.wasm.numThreads = self.crossOriginIsolated ? Math.min(navigator.hardwareConcurrency, THREADS) : 1;
    const network = new Network(ort, description, "wasm", files);
    await inTurn(() => network.check()); // which also makes everything ready
    return network;
  }

  // Writes looks to `files`, BitmapFiles by task; step(share) is awaited before every piece of work, made(name) is called
  // for every look.
  async render(pixels, files, { seed, brush }, { step, made }) {
    const names = [...files.keys()];
    const restored = names.filter((name) => this.tasks.get(name).fine);
    const painted = names.filter((name) => !this.tasks.get(name).fine);
    const { cell, halo } = this.description;
    const parts = restored.length ? tiles(pixels.height, pixels.width, halo, cell, AREA) : [];
    const total = painted.length + Math.min(painted.length, 1) + parts.length * (restored.length + 1);
    let done = 0;
    const next = () => step(done++ / total);
    if (painted.length) {
      await next();
      const canvas = new Canvas(pixels, brush, this.description.brush);
      const source = new this.ort.Tensor("float32", canvas.source.data, [1, 3, canvas.height, canvas.width]);
      let values = {};
      let seeded;
      // The noise depends on the seed only for styles that vary; the others use the first seed's.
      for (const name of painted.sort((one, other) => this.tasks.get(one).varies - this.tasks.get(other).varies)) {
        await next();
        const wanted = this.tasks.get(name).varies ? seed : 0;
        if (wanted !== seeded) {
          discard(values);
          values = await this.run("branch", { source, latent: this.latent(wanted) });
          seeded = wanted;
        }
        const look = await this.look(name, values, seed);
        canvas.write(await look.getData(), look.dims[2], look.dims[3], files.get(name));
        look.dispose();
        made(name);
      }
      discard(values);
    }
    for (const part of parts) {
      await next();
      const features = await this.run("trunk", { source: this.source(pixels, part) });
      for (const name of restored) {
        await next();
        await this.write(await this.look(name, features, seed), part, this.tasks.get(name).scale, files.get(name));
        if (part === parts.at(-1)) made(name);
      }
      discard(features);
    }
  }

  // The enlarged picture, which is the base of looks of this scale.
  async enlarge(pixels, scale, file) {
    const { cell } = this.description;
    for (const part of tiles(pixels.height, pixels.width, cell, cell, AREA)) {
      const { look } = await this.run(`enlarge-${scale}x`, { source: this.source(pixels, part) });
      await this.write(look, part, scale, file);
    }
  }

  // ImageBitmaps of the looks of one frame.
  async live(bitmap, names) {
    const { width, height } = bitmap;
    const canvas = new OffscreenCanvas(width, height);
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(bitmap, 0, 0);
    bitmap.close();
    const pixels = context.getImageData(0, 0, width, height);
    const features = await this.features(names, this.source(pixels, whole(pixels)));
    const looks = [];
    for (const name of names) {
      const look = await this.look(name, features, 0);
      const data = await look.getData();
      const [, , rows, columns] = look.dims;
      copyPixels(data, rows, columns, pixels);
      look.dispose();
      context.putImageData(pixels, 0, 0);
      looks.push(await createImageBitmap(canvas));
    }
    discard(features);
    return looks;
  }

  // The inputs of these tasks' heads, for a source that is rendered as a whole with the first seed.
  async features(names, source) {
    const pieces = new Set(names.map((name) => (this.tasks.get(name).fine ? "trunk" : "branch")));
    const values = {};
    for (const piece of pieces) Object.assign(values, await this.run(piece, { source, latent: this.latent(0) }));
    return values;
  }

  async look(name, features, seed) {
    return (await this.run(`head-${name}`, { ...features, latent: this.latent(seed) })).look;
  }

  latent(seed) {
    const { latent: size } = this.description;
    return new this.ort.Tensor("float32", latent(seed, size), [1, size]);
  }

  // The outputs of a piece, by name; it uses the values that it needs.
  async run(piece, values) {
    const session = await this.session(piece);
    const inputs = Object.fromEntries(session.inputNames.map((name) => [name, values[name]]));
    return { ...(await session.run(inputs)) };
  }

  async session(piece) {
    if (!this.sessions.has(piece)) {
      const options = { executionProviders: [this.provider], logSeverityLevel: 3 };
      // Features stay where they are computed.
      if (this.provider === "webgpu") options.preferredOutputLocation = "gpu-buffer";
      this.sessions.set(piece, await this.ort.InferenceSession.create(await this.files.get(piece), options));
    }
    return this.sessions.get(piece);
  }

  // A part of the pixels, with its halo, in [-1, 1].
  source({ data, width }, { rows, columns }) {
    const height = rows.last - rows.first;
    const breadth = columns.last - columns.first;
    const plane = height * breadth;
    const values = new Float32Array(3 * plane);
    for (let row = 0, to = 0; row < height; row++) {
      let from = 4 * ((rows.first + row) * width + columns.first);
      for (let column = 0; column < breadth; column++, to++, from += 4) {
        values[to] = data[from] / 127.5 - 1;
        values[to + plane] = data[from + 1] / 127.5 - 1;
        values[to + 2 * plane] = data[from + 2] / 127.5 - 1;
      }
    }
    return new this.ort.Tensor("float32", values, [1, 3, height, breadth]);
  }

  async write(look, { rows, columns }, scale, file) {
    const [, , height, width] = look.dims;
    const enlarged = ({ start, stop, first }) => ({ start: scale * start, stop: scale * stop, first: scale * first });
    file.write(await look.getData(), height, width, enlarged(rows), enlarged(columns));
    look.dispose();
  }

  // Compares every piece's outputs for a small pattern with the expected values.
  async check() {
    const { side, expected } = this.description.check;
    const pattern = Float32Array.from({ length: 3 * side * side }, (_, i) => ((37 * i) % 256) / 127.5 - 1);
    const source = new this.ort.Tensor("float32", pattern, [1, 3, side, side]);
    const features = await this.features([...this.tasks.keys()], source);
    for (const [name, values] of Object.entries(expected)) {
      const look = await this.look(name, features, 0);
      const data = await look.getData();
      const step = Math.floor(data.length / values.length);
      values.forEach((value, i) => {
        if (!(Math.abs(data[i * step] - value) < TOLERANCE)) throw new Error(`${name} comes out wrong`);
      });
      look.dispose();
    }
    discard(features);
  }
}

const whole = ({ width, height }) => ({
  rows: { start: 0, stop: height, first: 0, last: height },
  columns: { start: 0, stop: width, first: 0, last: width },
});

// The upper left part of an image (3, rows, columns) in [-1, 1] as RGBA.
function copyPixels(data, rows, columns, pixels) {
  const plane = rows * columns;
  for (let row = 0, to = 0; row < pixels.height; row++) {
    for (let column = 0, from = row * columns; column < pixels.width; column++, from++, to += 4) {
      for (let channel = 0; channel < 3; channel++) pixels.data[to + channel] = (data[from + channel * plane] + 1) * 127.5;
      pixels.data[to + 3] = 255;
    }
  }
}

const discard = (values) => Object.values(values).forEach((value) => value.dispose());

async function hasGraphics() {
  const adapter = await navigator.gpu?.requestAdapter().catch(() => null);
  return Boolean(adapter) && !adapter.info?.isFallbackAdapter;
}

async function runtime(description, script) {
  const ort = await import(new URL(`../${description.runtime}/${script}`, import.meta.url));
  ort.env.logLevel = "error";
  return ort;
}

async function fetchPiece(description, name) {
  const answer = await fetch(new URL(`../${description.network}/${name}.onnx`, import.meta.url));
  if (!answer.ok) throw Object.assign(new Error("A part of the network is missing. Load the page again."), { forPeople: true });
  return new Uint8Array(await answer.arrayBuffer());
}
