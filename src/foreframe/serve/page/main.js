// The page: it shows the simulators, keeps what was chosen, and acts at a steady pace.

import { Dancer } from "./dancer.js";
import { Stage } from "./stage.js";
import { Steer } from "./steer.js";
import { Wire, address } from "./wire.js";

const $ = (id) => document.getElementById(id);
const stage = new Stage($("imagined"), $("truth"), $("beside"));
const state = { simulators: [], simulator: null, start: 0, samples: 1, running: false, once: 0, row: 0, rows: 0, dirty: false, arrived: [], recorded: null, beginning: null };
let steer = null, dancer = null, wire = null, last = 0;

const found = await (await fetch(address("simulators"))).json();
state.simulators = found.simulators;
$("model").replaceChildren(...found.simulators.map((s) => new Option(`${s.name} (${s.model})`, s.name)));
$("samples").replaceChildren(...found.samples.map((n) => {
  const label = document.createElement("label"), radio = Object.assign(document.createElement("input"), { type: "radio", name: "samples", value: n, checked: n === 1 });
  radio.onchange = () => { state.samples = n; wire.say({ do: "choose", sample: 0, samples: n }); };
  label.append(radio, `${n} ${n === 1 ? "future" : "futures"}`);
  return label;
}));
$("formats").replaceChildren(...found.formats.map((suffix) => button(suffix.toUpperCase(), () => download(suffix))), button("Save as a clip", save));

function button(text, does) {
  const made = document.createElement("button");
  made.textContent = text;
  made.onclick = does;
  return made;
}

function choose(name) {
  const simulator = state.simulators.find((s) => s.name === name);
  Object.assign(state, { simulator, start: 0, running: false });
  steer?.letGo();
  steer = simulator.by_pictures ? null : new Steer(simulator, nudge);
  dancer = simulator.by_pictures ? new Dancer(simulator, nudge) : null;
  $("vector").hidden = !steer;
  $("dancer").hidden = !dancer;
  $("replay-row").hidden = !steer;
  $("replay").checked = false;
  $("pace").value = Math.round(simulator.frames_per_second ? Math.max(8, simulator.frames_per_second) : 10);
  $("pace").dispatchEvent(new Event("input"));
  $("what").textContent = "Everything here is imagined by a neural network that learned from recordings: no simulator runs behind it. "
    + (steer ? "The arrow keys are the robot's actions; the network draws what the camera would see." : "The skeleton is the condition; the network draws the dancer.");
  $("states").hidden = !simulator.predicted_states.length;
  $("states").textContent = `The model is also given ${simulator.predicted_states.join(", ")}. These are not known ahead, so a small linear head that was fitted with the run predicts them from your actions; nothing is taken from a recording.`;
  $("latent").textContent = simulator.has_latent ? "z stands for what the conditions do not determine: each future draws its own." : "This model has no latent: all futures are the same.";
  $("card").textContent = `${simulator.name}: ${simulator.model}, ${simulator.parameters.toLocaleString("en")} parameters, recipe ${simulator.notes.recipe}, ${simulator.notes.step} steps; ${simulator.frame.join("×")} pixels; ${simulator.act_ms} ms per act in ${simulator.precision} on this machine.`;
  $("starts").replaceChildren(...simulator.starts.map((start, i) => {
    const choice = button("", () => begin(i)), image = new Image();
    image.src = address(`simulators/${encodeURIComponent(simulator.name)}/starts/${i}.png`);
    image.alt = `clip ${start.name}`;
    choice.setAttribute("role", "option");
    choice.append(image);
    return choice;
  }));
  help();
  begin(0);
}

/** Begin a drive. Nothing acts until the server was told, or the old drive would move on meanwhile. */
async function begin(start) {
  const { simulator } = state, turn = state.beginning = {};
  Object.assign(state, { start, row: simulator.begins_at, rows: simulator.starts[start].rows });
  [...$("starts").children].forEach((choice, i) => choice.setAttribute("aria-selected", i === start));
  const track = await (await fetch(address(`simulators/${encodeURIComponent(simulator.name)}/starts/${start}.json`))).json();
  if (turn !== state.beginning) return;
  state.recorded = track.actions ?? [];
  steer?.begin(simulator.begins_at, state.recorded[simulator.begins_at]);
  dancer?.begin(track.joints ?? [], state.rows, simulator.begins_at);
  wire.say({ do: "begin", simulator: simulator.name, start, samples: state.samples, seed: Math.floor(Math.random() * 2 ** 32) });
  chance();
  state.beginning = null;
}

function chance() {
  $("temperature-says").textContent = Number($("temperature").value).toFixed(1);
  wire.say({ do: "chance", temperature: Number($("temperature").value), frozen: $("frozen").checked });
}

/** Show a change of the steering at once, also while the drive is paused. */
function nudge() {
  steer?.say();
  if (!state.running) state.once = Math.max(state.once, 1);
}

function act() {
  if (dancer) return wire.act(dancer.action());
  if ($("replay").checked) {
    if (state.row >= state.rows) { $("replay").checked = false; toggle(false); tell("the recording has ended"); return false; }
    return wire.act({ row: state.row });
  }
  return wire.act({ action: steer.action() });
}

function beat(now) {
  requestAnimationFrame(beat);
  steer?.say();
  const due = now - last >= 1000 / Number($("pace").value) - 2;
  if (state.beginning || !wire.free || !(state.once > 0 || ((state.running || steer?.busy) && due))) return;
  if (act()) { last = now; state.once = Math.max(0, state.once - 1); state.moved = true; }
}

function picture(head, bytes, waited) {
  Object.assign(state, { row: head.row, rows: head.rows });
  stage.show(head, bytes, state.simulator.frame);
  const now = performance.now();
  state.arrived = [...state.arrived.filter((t) => now - t < 1000), now];
  $("step").textContent = head.step;
  $("rate").textContent = state.arrived.length > 2 ? ((state.arrived.length - 1) / (now - state.arrived[0]) * 1000).toFixed(0) : "–";
  if (waited !== null) $("latency").textContent = `${waited.toFixed(0)} ms`;
  $("psnr").textContent = head.psnr === null ? "–" : `${head.psnr.toFixed(1)} dB`;
  $("undo").disabled = !head.can_undo;
  $("caption").textContent = head.samples > 1 ? `${head.samples} imagined futures; click one to go on from it` : "imagined";
  document.body.dataset.step = head.step;
  tell(head.recorded ? "" : "the recording of this drive is full; driving goes on");
  if (state.moved && dancer && !dancer.next()) toggle(false);
  state.moved = false;
}

function toggle(on = !state.running) {
  state.running = on;
  $("run").firstChild.textContent = on ? "Pause " : "Run ";
}

function tell(text, bad = false) {
  $("status").textContent = text;
  $("status").classList.toggle("bad", bad);
}

function undo() {
  wire.say({ do: "undo", steps: 1 });
  steer?.back(1);
  if (dancer && $("track").checked) dancer.go(dancer.at - Number($("speed").value));
}

function download(suffix) {
  const link = document.createElement("a");
  link.href = address(`drives/${wire.key}/drive.${suffix}`);
  link.download = `${state.simulator.name}.${suffix}`;
  link.click();
  $("kept").textContent = `writing ${suffix.toUpperCase()}`;
}

async function save() {
  const answer = await fetch(address(`drives/${wire.key}/clip`), { method: "POST" });
  const said = answer.ok ? await answer.json() : { error: await answer.text() };
  $("kept").textContent = said.error ?? `${said.frames} frames are saved: foreframe sample RUN --data ${said.store}`;
}

const actions = {
  " ": () => toggle(), ".": () => { toggle(false); state.once = 1; }, z: undo, n: () => { wire.say({ do: "reseed" }); tell("another future from here on"); }, r: () => begin(state.start),
  u: () => { $("spread").click(); }, f: () => { $("frozen").click(); }, p: () => { $(dancer ? "track" : "replay").click(); }, m: () => { if (dancer) $("mirror").click(); },
  1: () => pick(0), 4: () => pick(1), 9: () => pick(2),
};

function pick(n) { $("samples").querySelectorAll("input")[n]?.click(); }

function help() {
  const rows = [["Space", "run or pause"], [".", "one step"], ["Z", "undo"], ["N", "another future from here"], ["R", "reset"], ["1 4 9", "futures side by side"], ["U", "show where they disagree"],
    ["F", "freeze z"], ["P", "follow the recording"], ...(dancer ? [["M", "mirror"]] : [["← ↑ → ↓", "steer"]]), ...Object.entries(steer?.steering.keys ?? {}).map(([key, column]) => [key.toUpperCase(), column])];
  $("keys").replaceChildren(...rows.map(([key, what]) => {
    const row = document.createElement("tr"), cap = document.createElement("kbd");
    cap.textContent = key;
    row.insertCell().append(cap);
    row.insertCell().textContent = what;
    return row;
  }));
}

// A slider or a list that was reached with the keyboard keeps its arrow keys; one that was dragged gives them back.
const keeps = (target, key) => target.tagName === "SELECT" || (["range", "radio"].includes(target.type) && /^(Arrow|Home|End|Page)/.test(key));
addEventListener("pointerup", (event) => { if (event.target.matches?.("input")) event.target.blur(); });
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (steer && !keeps(event.target, event.key) && steer.key(event.key, true)) { if ($("replay").checked) $("replay").checked = false; event.preventDefault(); return; }
  const does = actions[event.key.toLowerCase()];
  if (!does || keeps(event.target, event.key) || (event.key === " " && /^(BUTTON|SUMMARY|INPUT)$/.test(event.target.tagName) && event.target.id !== "run")) return;
  event.preventDefault();
  does();
});
addEventListener("keyup", (event) => steer?.key(event.key, false));
addEventListener("blur", () => steer?.letGo());
$("model").onchange = () => choose($("model").value);
$("run").onclick = () => toggle();
$("once").onclick = actions["."];
$("undo").onclick = undo;
$("renew").onclick = actions.n;
$("reset").onclick = actions.r;
$("spread").onchange = () => { stage.overlay = $("spread").checked; if (stage.overlay && state.samples === 1) pick(1); stage.again(); };
$("frozen").onchange = $("temperature").oninput = chance;
$("replay").onchange = () => { if ($("replay").checked) { begin(state.start); toggle(true); } };
$("track").onchange = () => { if ($("track").checked) toggle(true); };
$("imagined").onclick = (event) => { if (state.samples > 1) wire.say({ do: "choose", sample: stage.sampleAt(event), samples: state.samples }); };
const says = (id, text) => { $(id).addEventListener("input", () => { $(`${id}-says`).textContent = text($(id).value); }); $(`${id}-says`).textContent = text($(id).value); };
says("pace", (v) => `at most ${v} frames/s`);
says("speed", (v) => `×${Number(v).toFixed(1)}`);

wire = new Wire({
  ready: () => { tell(""); choose(state.simulator?.name ?? found.simulators[0].name); },
  picture,
  error: (text) => tell(text, true),
  lost: () => { toggle(false); tell("the server is gone; trying again", true); },
});
requestAnimationFrame(beat);
