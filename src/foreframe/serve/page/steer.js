// Steering by numbers: two hands of keys, pads or sticks for two columns each, and a slider for every column.

const $ = (id) => document.getElementById(id);

const KEYS = [
  { left: "ArrowLeft", right: "ArrowRight", up: "ArrowUp", down: "ArrowDown", caps: ["←", "→", "↑", "↓"] },
  { left: "a", right: "d", up: "w", down: "s", caps: ["A", "D", "W", "S"] },
];

function made(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

const SHORT = 14, MANY = 8;

/** A name in few letters: of a long one its beginning and its end, which tell most. */
const brief = (name) => (name.length > SHORT ? `${name.slice(0, 5)}…${name.slice(5 - SHORT)}` : name);

const clamp = (value, { low, high }) => Math.min(Math.max(value, low), high);
const shown = (value, { low, high }) => `${value < 0 ? "−" : ""}${Math.abs(value).toFixed(high - low < 1 ? 3 : 2)}`;
const signed = (value, column) => `${value < 0 ? "" : "+"}${shown(value, column)}`;

/** Two columns, and the keys, the pad and the stick that steer them. */
class Hand {
  constructor(keys, axes, columns, changed) {
    Object.assign(this, { keys, columns, changed, lean: [0, 0], stick: [0, 0] });
    this.knob = made("i");
    this.pad = made("div", { className: "pad", tabIndex: 0 }, this.knob);
    this.pad.setAttribute("role", "application");
    this.pad.setAttribute("aria-label", `Steering pad: drag, or use ${keys.caps.join(" ")}`);
    this.axes = axes.map((axis) => this.choices(axis));
    this.says = axes.map(() => made("output"));
    const captions = [[0, 1], [2, 3]].map(([a, b], n) =>
      made("label", {}, made("kbd", { textContent: keys.caps[a] }), made("kbd", { textContent: keys.caps[b] }), this.axes[n], this.says[n]));
    this.element = made("div", { className: "hand" }, this.pad, ...captions);
    this.listen();
  }

  /** A list of the columns that move, in both directions. */
  choices(axis) {
    const moving = this.columns.filter((c) => c.low < c.high).flatMap((c) => [[c.name, 1], [c.name, -1]]);
    const select = made("select", { title: "the column that these keys steer" }, new Option("nothing", ""));
    select.append(...moving.map(([name, sign]) => new Option(sign > 0 ? brief(name) : `−${brief(name)}`, `${sign > 0 ? "+" : "-"}${name}`)));
    select.value = axis ? `${axis.sign > 0 ? "+" : "-"}${axis.column}` : "";
    select.setAttribute("aria-label", "column");
    return select;
  }

  listen() {
    const { pad } = this;
    const lean = (event) => {
      const box = pad.getBoundingClientRect();
      const x = (event.clientX - box.left) / box.width * 2 - 1, y = (event.clientY - box.top) / box.height * 2 - 1;
      const far = Math.max(1, Math.hypot(x, y));
      this.lean = [x / far, y / far];
      this.changed();
    };
    pad.onpointerdown = (event) => { pad.setPointerCapture(event.pointerId); lean(event); };
    pad.onpointermove = (event) => { if (pad.hasPointerCapture(event.pointerId)) lean(event); };
    pad.onpointerup = pad.onpointercancel = () => { this.lean = [0, 0]; };
  }

  letGo() { this.lean = [0, 0]; this.stick = [0, 0]; }

  /** How far [right, down] it is pushed, each in [-1, 1]. */
  pushed(keys, strength) {
    const has = (name) => (keys.has(this.keys[name]) ? 1 : 0);
    const held = [has("right") - has("left"), has("down") - has("up")];
    return held.map((value, n) => this.lean[n] || this.stick[n] || value * strength);
  }

  /** The pushed columns: [column, share of the way to its end, in its own direction]. */
  shares(keys, strength) {
    return this.pushed(keys, strength).flatMap((towards, n) => {
      const [sign, name] = [this.axes[n].value[0], this.axes[n].value.slice(1)];
      const column = this.columns.find((c) => c.name === name);
      return column && towards ? [[column, sign === "-" ? -towards : towards]] : [];
    });
  }

  /** Show where the values stand, and what the keys do. */
  say(values, keys, strength) {
    const pushed = this.pushed(keys, strength);
    const [x, y] = this.axes.map((select, n) => {
      const i = this.columns.findIndex((c) => c.name === select.value.slice(1));
      this.says[n].textContent = i < 0 ? "" : this.columns[i].pushes(strength, select.value[0] === "-" ? -1 : 1, this.keys.caps.slice(2 * n));
      if (i < 0) return 0;
      return pushed[n] || this.columns[i].share(values[i]) * (select.value[0] === "-" ? -1 : 1);
    });
    this.knob.style.transform = `translate(${x * 180}%, ${y * 180}%)`;
  }
}

/** A number that is steered. A position moves by `step` and stays; a command springs back to its slider. */
class Column {
  constructor(given, key) {
    Object.assign(this, given);
    this.set = this.rest = clamp(this.mean, this);
    this.slider = made("input", { type: "range", min: this.low, max: this.high, step: (this.high - this.low) / 200 || 1, disabled: this.low >= this.high });
    this.slider.setAttribute("aria-label", this.name);
    this.says = made("output");
    const name = made("span", { textContent: brief(this.name), title: this.name });
    if (key) name.append(" ", made("kbd", { textContent: key.toUpperCase() }));
    this.element = made("label", {}, name, this.slider, this.says);
  }

  /** The value when it is pushed by a share of the way. */
  at(share) {
    if (this.step) return clamp(this.set + share * this.step, this);
    return this.set + share * (share > 0 ? this.high - this.set : this.set - this.low);
  }

  /** Where a value stands between the ends, seen from the start picture: -1 to 1. */
  share(value) {
    const room = value > this.rest ? this.high - this.rest : this.rest - this.low;
    return room ? (value - this.rest) / room : 0;
  }

  /** What two keys do to it, in its unit. */
  pushes(strength, sign, [one, other]) {
    const unit = this.unit ? ` ${this.unit}` : "";
    const [less, more] = [-sign, sign].map((way) => (this.step ? signed(way * strength * this.step, this) : shown(this.at(way * strength), this)));
    return `${one} ${less}  ${other} ${more}${unit}${this.step ? "/frame" : ""}`;
  }

  say(value) {
    const text = `${shown(value, this)}${this.unit ? ` ${this.unit}` : ""}`;
    if (this.says.textContent === text) return;
    this.says.textContent = text;
    if (!this.slider.matches(":active")) this.slider.value = value;
  }
}

export class Steer {
  constructor(simulator, changed) {
    Object.assign(this, { steering: simulator.steering, changed, pushed: new Set(), done: [], first: 0 });
    const keys = Object.entries(this.steering.keys ?? {});
    this.columns = simulator.columns.map((c) => new Column(c, keys.find(([, name]) => name === c.name)?.[0]));
    this.hands = simulator.hands.map((hand, n) => new Hand(KEYS[n], [hand.across, hand.along], this.columns, changed));
    for (const column of this.columns) {
      column.slider.oninput = () => { column.set = Number(column.slider.value); changed(); };
      column.slider.ondblclick = () => { column.set = column.rest; changed(); };
    }
    $("hands").replaceChildren(...this.hands.map((hand) => hand.element));
    $("columns").replaceChildren(...this.inOrder().map((column) => column.element));
    this.say();
  }

  /** The columns; of many, those that the hands steer come first and constant ones last. */
  inOrder() {
    if (this.columns.length <= MANY) return this.columns;
    const steered = new Set(this.hands.flatMap(({ axes }) => axes.map((select) => select.value.slice(1))));
    const place = (column) => (steered.has(column.name) ? 0 : column.low < column.high ? 1 : 2);
    return [...this.columns].sort((a, b) => place(a) - place(b));
  }

  /** The keys that steer, and what each does. */
  get help() {
    return [
      ...this.hands.map((hand) => [hand.keys.caps.join(" "), hand.axes.map((axis) => axis.value.slice(1)).filter(Boolean).join(", ")]),
      ...Object.entries(this.steering.keys ?? {}).map(([key, column]) => [key.toUpperCase(), column]),
    ];
  }

  /** Note that a key went down or up; return whether it steers. */
  key(name, down) {
    const key = name.length === 1 ? name.toLowerCase() : name;
    const steers = this.hands.some(({ keys }) => [keys.left, keys.right, keys.up, keys.down].includes(key)) || key in (this.steering.keys ?? {});
    if (!steers) return false;
    down ? this.pushed.add(key) : this.pushed.delete(key);
    if (down) this.changed();
    return true;
  }

  /** Take the positions of a gamepad's sticks, one per hand. */
  sticks(positions) {
    this.hands.forEach((hand, n) => { hand.stick = positions?.[n] ?? [0, 0]; });
  }

  get busy() { return this.pushed.size > 0 || this.hands.some(({ lean, stick }) => [...lean, ...stick].some(Boolean)); }

  letGo() { this.pushed.clear(); this.hands.forEach((hand) => hand.letGo()); }

  /** Begin before frame `first`: every column stands where the recording's last action left it, or stands still. */
  begin(first, recorded) {
    Object.assign(this, { first: Math.max(0, first - 1), done: [], held: recorded[first] });
    const last = recorded[first - 1], { still } = this.steering;
    this.columns.forEach((column, i) => {
      const rest = still !== undefined && still === clamp(still, column) ? still : last?.[i] ?? column.mean;
      column.set = column.rest = clamp(rest, column);
    });
    this.say();
  }

  /** Go on from what a replay did: positions stay where it left them. */
  takeOver(values) {
    this.columns.forEach((column, i) => { if (column.step && values) column.set = clamp(values[i], column); });
  }

  back(steps) {
    this.done.length = Math.max(0, this.done.length - steps);
    const values = this.done.at(-1);
    this.columns.forEach((column, i) => { if (column.step) column.set = values?.[i] ?? column.rest; });
  }

  /** Note what a replay did. */
  replayed(values) { this.done.push(values); }

  /** Return the next command. It is held for as many frames as commands of the data are. */
  action() {
    const anew = (this.first + this.done.length) % (this.steering.held_frames ?? 1) === 0;
    const values = anew ? this.now() : this.done.at(-1) ?? this.held ?? this.now();
    this.columns.forEach((column, i) => { if (column.step) column.set = values[i]; });
    this.done.push(values);
    return values;
  }

  get strength() { return Number($("strength").value); }

  now() {
    const values = this.columns.map((column) => column.set);
    for (const hand of this.hands)
      for (const [column, share] of hand.shares(this.pushed, this.strength)) values[this.columns.indexOf(column)] = column.at(share);
    for (const [key, name] of Object.entries(this.steering.keys ?? {})) {
      const i = this.columns.findIndex((c) => c.name === name);
      if (i >= 0 && this.pushed.has(key)) values[i] = this.columns[i].high;
    }
    return values;
  }

  /** Show the current values, or those that a replay does. */
  say(values = this.now()) {
    this.columns.forEach((column, i) => column.say(values[i]));
    this.hands.forEach((hand) => hand.say(values, this.pushed, this.strength));
  }
}
