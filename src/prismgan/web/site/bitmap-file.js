// A picture as a BMP file with 24 bits per pixel: cheap to write, lossless, and outside the page's memory.

const HEAD = 54;

export class BitmapFile {
  constructor(width, height) {
    Object.assign(this, { width, height });
    this.stride = (3 * width + 3) & ~3;
    this.bytes = new Uint8ClampedArray(HEAD + this.stride * height);
    const view = new DataView(this.bytes.buffer);
    view.setUint16(0, 0x424d);
    view.setUint32(2, this.bytes.length, true);
    view.setUint32(10, HEAD, true);
    view.setUint32(14, 40, true);
    view.setInt32(18, width, true);
    view.setInt32(22, height, true);
    view.setUint16(26, 1, true);
    view.setUint16(28, 24, true);
    view.setUint32(34, this.stride * height, true);
  }

  // Writes part of an image (3, rows, columns) in [-1, 1], rounded to nearest and clipped, to its position.
  // rows and columns: { start, stop } in this picture, and `first`, the position at which the image starts.
  write(image, imageHeight, imageWidth, rows, columns) {
    const plane = imageHeight * imageWidth;
    for (let row = rows.start; row < rows.stop; row++) {
      let from = (row - rows.first) * imageWidth + columns.start - columns.first;
      let to = HEAD + (this.height - 1 - row) * this.stride + 3 * columns.start; // the lowest row comes first
      for (let column = columns.start; column < columns.stop; column++, from++, to += 3) {
        this.bytes[to] = (image[from + 2 * plane] + 1) * 127.5;
        this.bytes[to + 1] = (image[from + plane] + 1) * 127.5;
        this.bytes[to + 2] = (image[from] + 1) * 127.5;
      }
    }
  }

  // Writes all pixels from RGBA of the same size.
  fill({ data }) {
    for (let row = 0, from = 0; row < this.height; row++) {
      let to = HEAD + (this.height - 1 - row) * this.stride;
      for (let column = 0; column < this.width; column++, from += 4, to += 3) {
        this.bytes[to] = data[from + 2];
        this.bytes[to + 1] = data[from + 1];
        this.bytes[to + 2] = data[from];
      }
    }
    return this;
  }

  // Writes unchanged pixels from RGBA.
  static of(pixels) {
    return new BitmapFile(pixels.width, pixels.height).fill(pixels).blob();
  }

  blob() {
    return new Blob([this.bytes], { type: "image/bmp" });
  }
}
