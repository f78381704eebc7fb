// The three graphs of a model and what runs them: onnxruntime-web, on a single thread, so that the
// page needs no headers of isolation.

import * as ort from "./runtime/ort.js";

const GZIP = [0x1f, 0x8b];
const FILES = ["encoder.onnx", "step.onnx", "decoder.onnx"];
const WEIGHTS = "weights.bin";

let prepared = null; // the runtime, loaded once

/** Fetch a file; one that is compressed is unpacked, unless the server did it. */
export async function fetchBytes(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${address} cannot be loaded (${answer.status})`);
  const bytes = new Uint8Array(await answer.arrayBuffer());
  if (!GZIP.every((byte, i) => bytes[i] === byte)) return bytes;
  const unpacked = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(unpacked).arrayBuffer());
}

async function prepare() {
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmPaths = { mjs: new URL("runtime/ort-wasm.js", import.meta.url).href };
  ort.env.wasm.wasmBinary = await fetchBytes("runtime/ort.wasm.gz");
}

export class Graphs {
  /** Load the graphs in a folder; `tell` is told how it goes. */
  static async load(folder, tell) {
    tell("news", "loading the model ...");
    prepared ??= prepare();
    const made = new Graphs();
    const [manifest, weights, , ...files] = await Promise.all([
      fetch(`${folder}/manifest.json`).then((answer) => answer.json()),
      fetchBytes(`${folder}/${WEIGHTS}`),
      prepared,
      ...FILES.map((file) => fetchBytes(`${folder}/${file}`)),
    ]);
    Object.assign(made, { manifest, sessions: {} });
    tell("news", "preparing the model ...");
    for (const [n, file] of FILES.entries())
      made.sessions[file] = await ort.InferenceSession.create(files[n], {
        executionProviders: ["wasm"],
        graphOptimizationLevel: "all",
        externalData: [{ path: WEIGHTS, data: weights }],
      });
    return made;
  }

  /** Run a graph on tensors by name; those that it does not take are left out. */
  async run(file, tensors) {
    const feed = {};
    for (const { name } of this.manifest.graphs[file].inputs) feed[name] = tensors[name];
    return this.sessions[file].run(feed);
  }

  names(file, side, prefix) {
    const places = this.manifest.graphs[file][side];
    return places.map(({ name }) => name).filter((name) => name.startsWith(prefix));
  }
}

export const floats = (data, shape) => new ort.Tensor("float32", data, shape);
export const truth = (value) => new ort.Tensor("bool", Uint8Array.of(value ? 1 : 0), []);

/** The rows of a tensor with these numbers, in this order. */
export function rows(tensor, numbers) {
  const one = tensor.data.length / tensor.dims[0],
    data = new Float32Array(one * numbers.length);
  numbers.forEach((from, to) =>
    data.set(tensor.data.subarray(from * one, (from + 1) * one), to * one),
  );
  return floats(data, [numbers.length, ...tensor.dims.slice(1)]);
}
