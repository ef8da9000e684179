// The latent z of a seed: the result of torch's `randn` after `manual_seed`, except for the last digit.

// Mersenne Twister (Matsumoto & Nishimura 1998), 32 bits at a time.
function* twister(seed) {
  const state = new Uint32Array(624);
  state[0] = Number(BigInt(seed) & 0xffffffffn);
  for (let i = 1; i < 624; i++) {
    const before = state[i - 1] ^ (state[i - 1] >>> 30);
    state[i] = Math.imul(1812433253, before) + i;
  }
  while (true) {
    for (let i = 0; i < 624; i++) {
      const y = (state[i] & 0x80000000) | (state[(i + 1) % 624] & 0x7fffffff);
      state[i] = state[(i + 397) % 624] ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
    }
    for (let y of state) {
      y ^= y >>> 11;
      y ^= (y << 7) & 0x9d2c5680;
      y ^= (y << 15) & 0xefc60000;
      yield (y ^ (y >>> 18)) >>> 0;
    }
  }
}

const GROUP = 16;

// Float32Array of `size` numbers of N(0, 1), by Box & Muller (1958).
export function latent(seed, size) {
  const bits = twister(seed);
  const next = () => bits.next().value;
  const z = new Float32Array(size);
  if (size < GROUP) {
    // One by one, from 53 bits each; the second of a pair is kept for the next.
    const uniform = () => {
      const high = next();
      return Number(((BigInt(high) << 32n) | BigInt(next())) & 0x1fffffffffffffn) / 2 ** 53;
    };
    for (let i = 0; i < size; i += 2) {
      const angle = 2 * Math.PI * uniform();
      const radius = Math.sqrt(-2 * Math.log1p(-uniform()));
      z[i] = radius * Math.cos(angle);
      if (i + 1 < size) z[i + 1] = radius * Math.sin(angle);
    }
    return z;
  }
  // In groups, from 24 bits each: the first half gives radii, the second angles. The remainder at the end uses fresh bits,
  // in a group that overlaps the previous one.
  const uniform = () => (next() & 0xffffff) / 2 ** 24;
  const group = (start) => {
    for (let i = start; i < start + GROUP / 2; i++) {
      const radius = Math.sqrt(-2 * Math.log(1 - z[i]));
      const angle = 2 * Math.PI * z[i + GROUP / 2];
      z[i] = radius * Math.cos(angle);
      z[i + GROUP / 2] = radius * Math.sin(angle);
    }
  };
  for (let i = 0; i < size; i++) z[i] = uniform();
  for (let start = 0; start + GROUP <= size; start += GROUP) group(start);
  if (size % GROUP) {
    for (let i = size - GROUP; i < size; i++) z[i] = uniform();
    group(size - GROUP);
  }
  return z;
}
