// The pictures: N futures in a grid with their disagreement as an overlay, and the recording beside them.

const heat = [[0, 0, 4], [87, 16, 110], [188, 55, 84], [249, 142, 9], [252, 255, 164]];

function warm(value) {
  const at = Math.min(value / 255, 1) * (heat.length - 1), low = Math.min(Math.floor(at), heat.length - 2), share = at - low;
  return heat[low].map((from, i) => from + (heat[low + 1][i] - from) * share);
}

export class Stage {
  constructor(canvas, truth, beside) {
    Object.assign(this, { canvas, truth, beside, overlay: false, last: null });
  }

  /** Return the number of the sample under a pointer event. */
  sampleAt(event) {
    if (!this.last) return 0;
    const box = this.canvas.getBoundingClientRect(), side = Math.sqrt(this.last.head.samples);
    const column = Math.floor((event.clientX - box.left) / box.width * side), row = Math.floor((event.clientY - box.top) / box.height * side);
    return Math.max(0, Math.min(side * side - 1, row * side + column));
  }

  show(head, bytes, [height, width]) {
    this.last = { head, bytes, size: [height, width] };
    for (const canvas of [this.canvas, this.truth]) canvas.style.setProperty("--aspect", width / height);
    const side = Math.sqrt(head.samples), one = height * width * 3, gap = side > 1 ? 1 : 0;
    const whole = [side * width + (side - 1) * gap, side * height + (side - 1) * gap];
    if (this.canvas.width !== whole[0] || this.canvas.height !== whole[1]) [this.canvas.width, this.canvas.height] = whole;
    const pen = this.canvas.getContext("2d");
    const spread = head.spread ? bytes.subarray(head.samples * one, head.samples * one + height * width) : null;
    for (let n = 0; n < head.samples; n++) {
      const image = pen.createImageData(width, height);
      paint(image.data, bytes.subarray(n * one, (n + 1) * one), this.overlay ? spread : null);
      pen.putImageData(image, (n % side) * (width + gap), Math.floor(n / side) * (height + gap));
    }
    this.beside.hidden = !head.truth;
    if (head.truth) {
      [this.truth.width, this.truth.height] = [width, height];
      const other = this.truth.getContext("2d"), image = other.createImageData(width, height);
      paint(image.data, bytes.subarray(bytes.length - one), null);
      other.putImageData(image, 0, 0);
    }
  }

  again() { if (this.last) this.show(this.last.head, this.last.bytes, this.last.size); }
}

function paint(out, rgb, spread) {
  for (let i = 0, from = 0, to = 0; to < out.length; i++, from += 3, to += 4) {
    const share = spread ? Math.min(0.85, spread[i] / 90) : 0, over = share ? warm(spread[i]) : heat[0];
    for (let c = 0; c < 3; c++) out[to + c] = rgb[from + c] * (1 - share) + over[c] * share;
    out[to + 3] = 255;
  }
}
