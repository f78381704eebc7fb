// Clips to begin from: frames, conditions and, for skeletons, the places of their joints.

import { fetchBytes } from "./graphs.js";

/** Load a clip of a simulator: bytes as pictures H x W x 3, and a condition per frame. */
export async function loadStart(folder, number, info) {
  const [bytes, track] = await Promise.all([
    fetchBytes(`${folder}/starts/${number}.bin.gz`),
    fetch(`${folder}/starts/${number}.json`).then((answer) => answer.json()),
  ]);
  const count = info.starts[number].rows,
    one = info.pixels;
  const frames = Array.from({ length: count }, (_, t) => bytes.subarray(t * one, (t + 1) * one));
  const size = info.condition.reduce((a, b) => a * b, 1);
  const labels = bytes.subarray(count * one);
  const conditions = info.by_pictures
    ? frames.map((_, t) => asFloats(labels.subarray(t * size, (t + 1) * size)))
    : track.conditions.map((values) => Float32Array.from(values));
  return { frames, conditions, joints: track.joints ?? null };
}

export const asFloats = (bytes) => Float32Array.from(bytes, (byte) => byte / 255);
