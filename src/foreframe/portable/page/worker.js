// The model in a worker: it does what the page says, one message after the other, and answers with
// pictures.

import { Drive } from "./drive.js";
import { Graphs } from "./graphs.js";
import { picture } from "./pictures.js";
import { loadStart } from "./starts.js";

const found = await (await fetch("simulators.json")).json();
const models = new Map(); // the graphs of each simulator, as promises
const chance = { temperature: 1, frozen: false };
let drive = null,
  begins = 0,
  done = Promise.resolve();

const tell = (is, says) => postMessage({ is, says });

function graphsOf(info) {
  if (!models.has(info.name)) models.set(info.name, Graphs.load(folderOf(info), tell));
  return models.get(info.name);
}

const folderOf = (info) => `simulators/${encodeURIComponent(info.name)}`;

async function begin({ simulator, start, samples, seed }) {
  const number = ++begins,
    info = found.simulators.find(({ name }) => name === simulator);
  const [graphs, clip] = await Promise.all([
    graphsOf(info),
    loadStart(folderOf(info), start, info),
  ]);
  drive = new Drive(info, graphs, clip, chance, number);
  await drive.begin(samples, seed);
}

const answers = {
  begin,
  act: (said) => drive.act(said),
  undo: ({ steps }) => drive.undo(steps),
  choose: ({ sample, samples }) => drive.choose(sample, samples),
};

async function answer(message) {
  try {
    if (message.do === "chance") {
      const { temperature, frozen } = message;
      Object.assign(chance, { temperature, frozen });
    } else if (message.do === "reseed") drive?.reseed();
    else if (drive || message.do === "begin") {
      await answers[message.do](message);
      const { head, bytes } = picture(drive, found.full_spread);
      postMessage({ is: "picture", head, bytes }, [bytes.buffer]);
    }
  } catch (error) {
    tell("error", String(error?.message ?? error));
  }
}

onmessage = ({ data }) => {
  done = done.then(() => answer(data));
};
tell("ready");
