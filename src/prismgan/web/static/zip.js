// A ZIP archive of uncompressed entries, because pictures are already compressed. This replaces the npm package
// client-zip, because the page has no build step, and a copy of its minified file could be neither read nor updated. Its
// additional feature, archives of more than 4 GB, is more than a page should hold in memory.

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

const PIECE = 1 << 20;

// Piece by piece, so that the page stays responsive.
async function crc32(file) {
  let value = 0xffffffff;
  for (let start = 0; start < file.size; start += PIECE) {
    const bytes = new Uint8Array(await file.slice(start, start + PIECE).arrayBuffer());
    for (let i = 0; i < bytes.length; i++) value = TABLE[(value ^ bytes[i]) & 255] ^ (value >>> 8);
  }
  return (value ^ 0xffffffff) >>> 0;
}

const UTF8 = 0x0800;
const VERSION = 20;
const MOST = 0xffffffff; // bytes that the format's fields of 32 bits can count

function fields(...pairs) {
  const view = new DataView(new ArrayBuffer(pairs.reduce((sum, [bytes]) => sum + bytes, 0)));
  let place = 0;
  for (const [bytes, value] of pairs) {
    if (bytes === 2) view.setUint16(place, value, true);
    else view.setUint32(place, value, true);
    place += bytes;
  }
  return view.buffer;
}

// files: [name, Blob] pairs.
export async function zip(files) {
  const now = new Date();
  const time = (now.getHours() << 11) | (now.getMinutes() << 5) | (now.getSeconds() >> 1);
  const date = ((now.getFullYear() - 1980) << 9) | ((now.getMonth() + 1) << 5) | now.getDate();
  if (files.reduce((sum, [, file]) => sum + file.size, 0) > 0.99 * MOST) throw new Error("The archive would have more than 4 GB. Save fewer pictures at once, or as JPEG.");
  const parts = [];
  const directory = [];
  let offset = 0;
  for (const [name, file] of files) {
    const bytes = new TextEncoder().encode(name);
    const sum = await crc32(file);
    const same = [[2, VERSION], [2, UTF8], [2, 0], [2, time], [2, date], [4, sum], [4, file.size], [4, file.size], [2, bytes.length], [2, 0]];
    const head = fields([4, 0x04034b50], ...same);
    parts.push(head, bytes, file);
    directory.push(fields([4, 0x02014b50], [2, VERSION], ...same, [2, 0], [2, 0], [2, 0], [4, 0], [4, offset]), bytes);
    offset += head.byteLength + bytes.length + file.size;
  }
  const size = directory.reduce((sum, part) => sum + part.byteLength, 0);
  const end = fields([4, 0x06054b50], [2, 0], [2, 0], [2, files.length], [2, files.length], [4, size], [4, offset], [2, 0]);
  return new Blob([...parts, ...directory, end], { type: "application/zip" });
}
