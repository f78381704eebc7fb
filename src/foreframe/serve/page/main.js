// The page: it shows the simulators, keeps what was chosen, and acts at a steady pace.

import { button, showModels, showSamples, showStarts } from "./choices.js";
import { Dancer } from "./dancer.js";
import { Gamepad } from "./gamepad.js";
import { download, save } from "./keeping.js";
import { Keyboard } from "./keys.js";
import { figures, linked, tell } from "./readouts.js";
import { Stage, drawScale } from "./stage.js";
import { Steer } from "./steer.js";
import { There } from "./there.js";
import { describe, listKeys } from "./words.js";
import { LINKED, LOST_AFTER, Wire, address } from "./wire.js";

const $ = (id) => document.getElementById(id);
const stage = new Stage($("imagined"), $("truth"), $("beside"));
const state = {
  simulators: [],
  simulator: null,
  start: 0,
  samples: 1,
  running: false,
  once: 0,
  row: 0,
  rows: 0,
  recorded: [],
  beginning: null,
};
let steer = null,
  dancer = null,
  wire = null,
  last = 0;

const found = await (await fetch(address("simulators"))).json();
state.simulators = found.simulators;
showModels(found.simulators);
showSamples(found.samples, (n) => {
  state.samples = n;
  wire.say({ do: "choose", sample: 0, samples: n });
});
$("formats").replaceChildren(
  ...found.formats.map((suffix) =>
    button(suffix.toUpperCase(), () => download(wire.key, state.simulator.name, suffix)),
  ),
  button("as a clip", () => save(wire.key)),
);
$("keep").hidden = !found.formats.length;
$("scale-top").textContent = found.full_spread;
drawScale($("scale-colours"));

function choose(name) {
  const simulator = state.simulators.find((s) => s.name === name),
    [height, width] = simulator.frame;
  Object.assign(state, { simulator, start: 0, running: false, once: 0, recorded: [] });
  document.body.style.setProperty("--aspect", width / height);
  document.body.dataset.shape = width / height > 1.4 ? "wide" : "square";
  document.body.dataset.by = simulator.by_pictures ? "pictures" : "numbers";
  steer?.letGo();
  steer = simulator.by_pictures ? null : new Steer(simulator, nudge);
  dancer = simulator.by_pictures ? new Dancer(simulator, nudge) : null;
  $("vector").hidden = !steer;
  $("dancer").hidden = !dancer;
  $("replay").checked = false;
  $("kept").textContent = "";
  $("pace").value = Math.round(
    simulator.frames_per_second ? Math.max(8, simulator.frames_per_second) : 10,
  );
  $("pace").dispatchEvent(new Event("input"));
  describe(simulator);
  showStarts(simulator, begin);
  listKeys(simulator, steer?.help ?? []);
  toggle(false);
  begin(0);
}

/** Begin a drive. Nothing acts until the server was told, or the old drive would move on. */
async function begin(start) {
  const { simulator } = state,
    turn = (state.beginning = {});
  Object.assign(state, {
    start,
    once: 0,
    row: simulator.begins_at,
    rows: simulator.starts[start].rows,
  });
  there.begin(simulator, start, state.rows);
  $("there").hidden = simulator.by_pictures || !found.plans;
  [...$("starts").children].forEach((choice, i) =>
    choice.setAttribute("aria-selected", i === start),
  );
  const track = await (
    await fetch(address(`simulators/${encodeURIComponent(simulator.name)}/starts/${start}.json`))
  ).json();
  if (turn !== state.beginning) return;
  state.recorded = track.actions ?? [];
  steer?.begin(simulator.begins_at, state.recorded);
  dancer?.begin(track.joints ?? [], state.rows, simulator.begins_at);
  wire.say({
    do: "begin",
    simulator: simulator.name,
    start,
    samples: state.samples,
    seed: Math.floor(Math.random() * 2 ** 32),
  });
  chance();
  state.beginning = null;
}

function chance() {
  $("temperature-says").textContent = Number($("temperature").value).toFixed(1);
  wire.say({
    do: "chance",
    temperature: Number($("temperature").value),
    frozen: $("frozen").checked,
  });
}

const replaying = () => Boolean(steer) && $("replay").checked;

/** Show a change of the steering at once, also while paused. It ends a replay. */
function nudge() {
  there.stop();
  if (replaying()) {
    steer.takeOver(state.recorded[state.row - 1]);
    $("replay").checked = false;
    label();
  }
  steer?.say();
  if (!state.running) state.once = Math.max(state.once, 1);
}

function act() {
  if (dancer) return wire.act(dancer.action());
  if (there.on) {
    const action = there.next(state.row);
    if (action) steer.replayed(action);
    return action ? wire.act({ action }) : false;
  }
  if (!replaying()) return wire.act({ action: steer.action() });
  if (state.row >= state.rows) {
    toggle(false);
    tell("the recording has ended; Reset replays it again");
    state.once = 0;
    return false;
  }
  steer.replayed(state.recorded[state.row]);
  return wire.act({ row: state.row });
}

function beat(now) {
  requestAnimationFrame(beat);
  const sticks = gamepad.poll();
  $("pad-name").hidden = !gamepad.name;
  $("pad-name").textContent = gamepad.name ? "🎮 gamepad" : "";
  steer?.sticks(sticks);
  if (steer?.busy && (replaying() || there.on)) nudge();
  steer?.say(there.on ? there.last : replaying() ? state.recorded[state.row - 1] : undefined);
  actIfDue(now);
}

/** Act if it is time to, and the picture of the last act has arrived. */
function actIfDue(now) {
  const due = now - last >= 1000 / Number($("pace").value) - 2,
    moves = state.running || there.on || steer?.busy;
  if (state.beginning || !wire.free || !(state.once > 0 || (moves && due))) return;
  if (act()) {
    last = now;
    state.once = Math.max(0, state.once - 1);
    state.moved = true;
  }
}

function picture(head, bytes, waited) {
  Object.assign(state, { row: head.row, rows: head.rows });
  stage.compares = Boolean(dancer) || replaying();
  stage.show(head, bytes, state.simulator.frame);
  figures(head, waited);
  measure();
  document.body.dataset.step = head.step;
  tell(head.recorded ? "" : "the recording of this drive is full; driving goes on");
  if (state.moved && dancer && !dancer.next()) toggle(false);
  state.moved = false;
  actIfDue(performance.now()); // a slow model does not wait for the next frame of the screen
}

/** Say how far the futures disagree, beside the scale of the colours. */
function measure() {
  const shown = stage.overlay && state.samples > 1;
  $("scale").hidden = $("disagree").hidden = !shown;
  if (shown) $("largest").textContent = `≤ ${(stage.largest * found.full_spread).toFixed(3)}`;
}

function toggle(on = !state.running) {
  state.running = on;
  there.stop();
  label();
}

function label() {
  $("run").firstChild.textContent = state.running ? "Pause " : replaying() ? "Replay " : "Run ";
}

function undo() {
  if ($("undo").disabled) return;
  toggle(false);
  state.once = 0;
  wire.say({ do: "undo", steps: 1 });
  steer?.back(1);
  if (dancer && $("track").checked) dancer.go(dancer.at - Number($("speed").value));
}

const there = new There({
  say: (message) => wire.say(message),
  shown: () => stage.first,
  changed: () => {
    if (!there.on) return;
    $("replay").checked = false;
    state.running = false;
    state.once = 0;
    label();
  },
});

const step = Object.assign(
  () => {
    toggle(false);
    state.once = 1;
  },
  { repeats: true },
);
const actions = {
  " ": () => toggle(),
  ".": step,
  z: Object.assign(undo, { repeats: true }),
  n: () => {
    wire.say({ do: "reseed" });
    tell("another future from here on");
  },
  r: () => begin(state.start),
  u: () => {
    $("spread").click();
  },
  f: () => {
    $("frozen").click();
  },
  t: () => there.toggle(),
  p: () => {
    $(dancer ? "track" : "replay").click();
  },
  m: () => {
    if (dancer) $("mirror").click();
  },
  1: () => pick(0),
  4: () => pick(1),
  9: () => pick(2),
};
const gamepad = new Gamepad({ 0: step, 1: undo, 3: actions.n, 8: actions.r, 9: actions[" "] });

function pick(n) {
  $("samples").querySelectorAll("input")[n]?.click();
}

new Keyboard({
  steers: (key, down) => steer?.key(key, down) ?? false,
  actions,
  letGo: () => steer?.letGo(),
});
$("model").onchange = () => choose($("model").value);
$("run").onclick = () => toggle();
$("once").onclick = step;
$("undo").onclick = undo;
$("renew").onclick = actions.n;
$("reset").onclick = actions.r;
$("spread").onchange = () => {
  stage.overlay = $("spread").checked;
  if (stage.overlay && state.samples === 1) pick(1);
  stage.again();
  measure();
};
$("frozen").onchange = $("temperature").oninput = chance;
$("replay").onchange = () => {
  toggle(false);
  if (replaying()) begin(state.start);
};
$("track").onchange = () => {
  toggle(false);
};
$("imagined").onclick = (event) => {
  if (state.samples > 1)
    wire.say({ do: "choose", sample: stage.sampleAt(event), samples: state.samples });
};
const says = (id, text) => {
  $(id).addEventListener("input", () => {
    $(`${id}-says`).textContent = text($(id).value);
  });
  $(`${id}-says`).textContent = text($(id).value);
};
says("pace", (v) => `≤ ${v} frames/s`);
says("speed", (v) => `×${Number(v).toFixed(1)}`);
says("strength", (v) => `${Math.round(v * 100)} %`);

const anew = () => choose(state.simulator?.name ?? found.simulators[0].name);

wire = new Wire({
  ready: (before) => {
    tell("");
    linked("connected", LINKED);
    state.beginning = null;
    if (before && state.simulator) wire.say({ do: "resume", key: before });
    else anew();
  },
  gone: anew,
  picture,
  plan: (plan) => there.take(plan),
  news: tell,
  error: (text) => {
    toggle(false);
    tell(text, true);
  },
  lost: (tries) => {
    toggle(false);
    linked(tries < LOST_AFTER ? "reconnecting" : "lost");
    tell(
      tries < LOST_AFTER
        ? "the server does not answer; this drive goes on when it does"
        : "the server is gone: start `foreframe play` again, and a new drive begins",
      true,
    );
  },
});
requestAnimationFrame(beat);
