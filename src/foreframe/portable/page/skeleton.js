// Label images of skeletons: coloured bones with round ends, drawn large and averaged down.

const TIMES = 8, // drawn this much larger
  RADIUS = 4.5; // of a bone there, which is 9 wide: 1.1 pixels of the label, rounded

/** The colour of a hue in [0, 1), fully saturated, in bytes. */
function colour(hue) {
  const channel = (offset) => {
    const k = (offset + hue * 6) % 6;
    return Math.round(255 * (1 - Math.max(0, Math.min(1, k, 4 - k))));
  };
  return [channel(5), channel(3), channel(1)];
}

/** Draw joints at [x, y] in pixels: bytes [3, H, W]. Later bones cover earlier ones. */
export function drawLabel(joints, { condition: [, height, width], steering }) {
  const large = [height * TIMES, width * TIMES],
    owner = new Uint8Array(large[0] * large[1]);
  steering.bones.forEach((bone, n) => {
    const [a, b] = bone.map((name) =>
      joints[steering.joints.indexOf(name)].map(
        (place) => Math.max(-width, Math.min(2 * width, place)) * TIMES,
      ),
    );
    cover(owner, large, a, b, n + 1);
  });
  const colours = steering.bones.map((_, n) => colour(n / steering.bones.length));
  return averaged(owner, colours, height, width);
}

/** Give the places near the line from a to b to an owner. */
function cover(owner, [height, width], [ax, ay], [bx, by], number) {
  const [dx, dy] = [bx - ax, by - ay],
    long = dx * dx + dy * dy || 1;
  const within = (value, most) => Math.max(0, Math.min(most, value));
  const [left, right] = [Math.min(ax, bx) - RADIUS, Math.max(ax, bx) + RADIUS + 1].map((x) =>
      within(Math.floor(x), width),
    ),
    [top, bottom] = [Math.min(ay, by) - RADIUS, Math.max(ay, by) + RADIUS + 1].map((y) =>
      within(Math.floor(y), height),
    );
  for (let y = top; y < bottom; y++)
    for (let x = left; x < right; x++) {
      const along = within(((x + SHIFT - ax) * dx + (y + SHIFT - ay) * dy) / long, 1);
      if (Math.hypot(x + SHIFT - ax - along * dx, y + SHIFT - ay - along * dy) <= RADIUS)
        owner[y * width + x] = number;
    }
}

const SHIFT = 0.5; // the middle of a place

function averaged(owner, colours, height, width) {
  const out = new Uint8Array(3 * height * width);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const sum = [0, 0, 0];
      for (let i = 0; i < TIMES * TIMES; i++) {
        const at = (y * TIMES + Math.floor(i / TIMES)) * width * TIMES + x * TIMES + (i % TIMES);
        if (owner[at]) colours[owner[at] - 1].forEach((value, c) => (sum[c] += value));
      }
      sum.forEach((total, c) => {
        out[(c * height + y) * width + x] = Math.round(total / TIMES ** 2);
      });
    }
  return out;
}
