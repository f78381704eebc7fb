// The pictures: N futures in a grid, how much they differ laid over, the recording beside.

const HEAT = [
  [0, 0, 4],
  [87, 16, 110],
  [188, 55, 84],
  [249, 142, 9],
  [252, 255, 164],
];
const OPAQUE = 90; // of 255: the overlay covers the picture from here on, as far as it ever does
const MOST_COVERED = 0.85;

function warm(value) {
  const at = Math.min(value / 255, 1) * (HEAT.length - 1),
    low = Math.min(Math.floor(at), HEAT.length - 2),
    share = at - low;
  return HEAT[low].map((from, i) => from + (HEAT[low + 1][i] - from) * share);
}

export class Stage {
  constructor(canvas, truth, beside) {
    Object.assign(this, { canvas, truth, beside, overlay: false, compares: true, last: null });
  }

  /** Return the number of the sample under a pointer event. */
  sampleAt(event) {
    if (!this.last) return 0;
    const box = this.canvas.getBoundingClientRect(),
      side = Math.sqrt(this.last.head.samples);
    const column = Math.floor(((event.clientX - box.left) / box.width) * side),
      row = Math.floor(((event.clientY - box.top) / box.height) * side);
    return Math.max(0, Math.min(side * side - 1, row * side + column));
  }

  show(head, bytes, [height, width]) {
    this.last = { head, bytes, size: [height, width] };
    const side = Math.sqrt(head.samples),
      one = height * width * 3,
      gap = side > 1 ? 1 : 0;
    const whole = [side * width + (side - 1) * gap, side * height + (side - 1) * gap];
    if (this.canvas.width !== whole[0] || this.canvas.height !== whole[1])
      [this.canvas.width, this.canvas.height] = whole;
    const pen = this.canvas.getContext("2d"),
      spread = this.spread;
    for (let n = 0; n < head.samples; n++) {
      const image = pen.createImageData(width, height);
      paint(image.data, bytes.subarray(n * one, (n + 1) * one), this.overlay ? spread : null);
      pen.putImageData(image, (n % side) * (width + gap), Math.floor(n / side) * (height + gap));
    }
    this.beside.hidden = !(head.truth && this.compares);
    if (this.beside.hidden) return;
    [this.truth.width, this.truth.height] = [width, height];
    const other = this.truth.getContext("2d"),
      image = other.createImageData(width, height);
    paint(image.data, bytes.subarray(bytes.length - one), null);
    other.putImageData(image, 0, 0);
  }

  /** The first future shown last, as RGB bytes; null before there is one. */
  get first() {
    if (!this.last) return null;
    const {
      bytes,
      size: [height, width],
    } = this.last;
    return bytes.subarray(0, height * width * 3);
  }

  /** How much the futures shown last differ, a byte per pixel; null for one future. */
  get spread() {
    const {
        head,
        bytes,
        size: [height, width],
      } = this.last,
      from = head.samples * height * width * 3;
    return head.spread ? bytes.subarray(from, from + height * width) : null;
  }

  /** The largest difference shown, as a share of the scale; 0 for one future. */
  get largest() {
    return (this.last && this.spread?.reduce((a, b) => Math.max(a, b), 0) / 255) || 0;
  }

  again() {
    if (this.last) this.show(this.last.head, this.last.bytes, this.last.size);
  }
}

/** Draw the colours of the overlay from none at the bottom to the most at the top, over grey. */
export function drawScale(canvas) {
  const pen = canvas.getContext("2d"),
    image = pen.createImageData(1, 256);
  [canvas.width, canvas.height] = [1, 256];
  paint(
    image.data,
    new Uint8Array(256 * 3).fill(128),
    Uint8Array.from({ length: 256 }, (_, i) => 255 - i),
  );
  pen.putImageData(image, 0, 0);
}

function paint(out, rgb, spread) {
  for (let i = 0, from = 0, to = 0; to < out.length; i++, from += 3, to += 4) {
    const share = spread ? Math.min(MOST_COVERED, spread[i] / OPAQUE) : 0,
      over = share ? warm(spread[i]) : HEAT[0];
    for (let c = 0; c < 3; c++) out[to + c] = rgb[from + c] * (1 - share) + over[c] * share;
    out[to + 3] = 255;
  }
}
