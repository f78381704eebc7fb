// A path through a model, with undo: what a drive on the server is, in the browser.

import { floats, rows, truth } from "./graphs.js";
import { drawInto, mixed } from "./noise.js";
import { drawLabel } from "./skeleton.js";
import { asFloats } from "./starts.js";
import { following } from "./states.js";

const UNDO_BYTES = 32 << 20,
  UNDO_STEPS = 500;
const ENCODER = "encoder.onnx",
  STEP = "step.onnx",
  DECODER = "decoder.onnx";

const same = (a, b) => a.length === b.length && a.every((value, i) => value === b[i]);
const samePlaces = (a, b) => same(a.flat(), b.flat());

export class Drive {
  /** `chance` has the temperature and whether z is frozen; `number` is that of the drive. */
  constructor(info, graphs, start, chance, number) {
    Object.assign(this, { info, graphs, start, chance, number });
    this.manifest = graphs.manifest;
    this.states = graphs.names(STEP, "inputs", "state_");
    this.moments = [];
  }

  /** See the context, with the means of z. */
  async begin(samples, seed) {
    const { n_past: past, latent_shapes: latents } = this.manifest,
      { frame_shape: frame, condition } = this.info;
    const feed = {
      frames: floats(joined(this.start.frames.slice(0, past).map(channelsFirst(frame))), [
        1,
        past,
        ...frame,
      ]),
      conditions: floats(joined(this.start.conditions.slice(0, past)), [1, past, ...condition]),
    };
    latents.forEach((shape, n) => {
      feed[`noise_${n}`] = floats(new Float32Array((past - 1) * size(shape)), [1, past - 1, ...shape]);
    });
    const seen = await this.graphs.run(ENCODER, feed);
    this.skips = Object.fromEntries(
      this.graphs.names(DECODER, "inputs", "skip_").map((name) => [name, seen[name]]),
    );
    const last = channelsFirst(frame)(this.start.frames[past - 1]);
    this.at = {
      tensors: Object.fromEntries([...this.states, "previous"].map((name) => [name, seen[name]])),
      frames: floats(last, [1, ...frame]),
      fed: true,
      step: past,
      onTrack: true,
      latest: [this.start.conditions[Math.max(0, past - 2)], this.start.conditions[past - 1]],
      seed,
      drawn: 0,
    };
    this.pick(new Array(samples).fill(0));
  }

  get samples() {
    return this.at.frames.dims[0];
  }

  /** The recorded frame of the last step; null once an act differed from the recording's. */
  get recorded() {
    return this.at.onTrack ? (this.start.frames[this.at.step - 1] ?? null) : null;
  }

  /** Act as the recording, a skeleton or numbers say. */
  async act(said) {
    const condition = this.condition(said),
      before = this.at,
      count = this.samples;
    const given = floats(joined(new Array(count).fill(condition)), [count, ...this.info.condition]);
    const drawn = this.chance.frozen && before.drawn ? before.drawn : before.drawn + 1;
    const made = await this.graphs.run(STEP, {
      ...before.tensors,
      fed: truth(before.fed),
      condition: given,
      ...this.noise(drawn),
    });
    const seen = await this.graphs.run(DECODER, { ...made, ...this.skips });
    const tensors = Object.fromEntries(this.states.map((name) => [name, made[`next_${name}`]]));
    tensors.previous = seen.next_previous ?? before.tensors.previous;
    const recorded = this.start.conditions[before.step];
    this.remember(before);
    this.at = {
      tensors,
      frames: seen.frames,
      fed: false,
      step: before.step + 1,
      onTrack: before.onTrack && recorded !== undefined && same(condition, recorded),
      latest: [before.latest[1], condition],
      seed: before.seed,
      drawn,
    };
  }

  noise(drawn) {
    const named = this.manifest.latent_shapes.map((shape, level) => {
      const one = size(shape),
        data = new Float32Array(one * this.samples);
      for (let n = 0; n < this.samples; n++)
        drawInto(
          data.subarray(n * one, (n + 1) * one),
          mixed(this.at.seed, n, drawn, level),
          this.chance.temperature,
        );
      return [`noise_${level}`, floats(data, [this.samples, ...shape])];
    });
    return Object.fromEntries(named);
  }

  /** The next condition: recorded, drawn from joints, or numbers with the states to come. */
  condition({ row, joints, action }) {
    const { conditions } = this.start,
      at = this.at.step;
    if (row !== undefined && row >= conditions.length)
      throw new Error(`the recording ends after frame ${conditions.length - 1}`);
    if (joints) {
      const track = this.start.joints;
      const found = track.findIndex((places) => samePlaces(places, joints));
      if (found >= 0) return samePlaces(track[at] ?? [], joints) ? conditions[at] : conditions[found];
      return asFloats(drawLabel(joints, this.info));
    }
    if (this.info.by_pictures) return conditions[row];
    const values = action ?? this.info.steered.map((i) => conditions[row][i]);
    const whole = new Float32Array(this.info.condition[0]);
    this.info.steered.forEach((to, i) => {
      whole[to] = values[i];
    });
    if (this.info.head) following(this.info.head, ...this.at.latest, whole);
    return whole;
  }

  /** Remember a point for `undo`; the oldest are dropped if they take too much memory. */
  remember(point) {
    this.moments.push(point);
    const bytes = [...Object.values(point.tensors), point.frames].reduce(
      (sum, tensor) => sum + tensor.data.byteLength,
      0,
    );
    const most = Math.max(1, Math.min(UNDO_STEPS, Math.floor(UNDO_BYTES / bytes)));
    if (this.moments.length > most) this.moments.splice(0, this.moments.length - most);
  }

  undo(steps) {
    for (let i = 0; i < steps && this.moments.length; i++) this.at = this.moments.pop();
  }

  reseed() {
    this.at = { ...this.at, seed: mixed(this.at.seed, 1), drawn: 0 };
  }

  /** Go on from one sample, with new futures of it. */
  choose(sample, samples) {
    this.reseed();
    this.pick(new Array(samples).fill(sample));
  }

  pick(numbers) {
    const { tensors, frames } = this.at;
    const picked = Object.entries(tensors).map(([name, tensor]) => [name, rows(tensor, numbers)]);
    this.at = { ...this.at, tensors: Object.fromEntries(picked), frames: rows(frames, numbers) };
  }
}

const size = (shape) => shape.reduce((a, b) => a * b, 1);

function joined(arrays) {
  const whole = new Float32Array(arrays.reduce((sum, array) => sum + array.length, 0));
  arrays.reduce((at, array) => {
    whole.set(array, at);
    return at + array.length;
  }, 0);
  return whole;
}

/** Bytes [H, W, 3] as floats [C, H, W]; of grey pictures one of the three equal colours. */
const channelsFirst =
  ([channels, height, width]) =>
  (bytes) => {
    const out = new Float32Array(channels * height * width);
    for (let c = 0; c < channels; c++)
      for (let i = 0; i < height * width; i++) out[c * height * width + i] = bytes[i * 3 + c] / 255;
    return out;
  };
