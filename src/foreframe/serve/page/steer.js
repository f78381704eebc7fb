// Steering by numbers: two hands for two columns each, and a slider for every column.

import { Column, clamp } from "./column.js";
import { Hand, KEYS } from "./hand.js";

const $ = (id) => document.getElementById(id);
const MANY = 8; // columns; then those that are steered come first

export class Steer {
  constructor(simulator, changed) {
    Object.assign(this, {
      steering: simulator.steering,
      changed,
      pushed: new Set(),
      done: [],
      first: 0,
    });
    const keys = Object.entries(this.steering.keys ?? {});
    const names = simulator.columns.map((c) => c.name);
    this.columns = simulator.columns.map(
      (c) => new Column(c, names, keys.find(([, name]) => name === c.name)?.[0]),
    );
    this.hands = simulator.hands.map(
      (hand, n) => new Hand(KEYS[n], [hand.across, hand.along], this.columns, changed),
    );
    for (const column of this.columns) {
      column.slider.oninput = () => {
        column.set = Number(column.slider.value);
        changed();
      };
      column.slider.ondblclick = () => {
        column.set = column.rest;
        changed();
      };
    }
    $("hands").replaceChildren(...this.hands.map((hand) => hand.element));
    $("columns").replaceChildren(...this.inOrder().map((column) => column.element));
    this.say();
  }

  /** The columns; of many, those that the hands steer come first and constant ones last. */
  inOrder() {
    if (this.columns.length <= MANY) return this.columns;
    const steered = new Set(
      this.hands.flatMap(({ axes }) => axes.map((select) => select.value.slice(1))),
    );
    const place = (column) => (steered.has(column.name) ? 0 : column.low < column.high ? 1 : 2);
    return [...this.columns].sort((a, b) => place(a) - place(b));
  }

  /** The keys that steer, and what each does. */
  get help() {
    return [
      ...this.hands.map((hand) => [
        hand.keys.caps.join(" "),
        hand.axes
          .map((axis) => axis.value.slice(1))
          .filter(Boolean)
          .join(", "),
      ]),
      ...Object.entries(this.steering.keys ?? {}).map(([key, column]) => [
        key.toUpperCase(),
        column,
      ]),
    ];
  }

  /** Note that a key went down or up; return whether it steers. */
  key(name, down) {
    const key = name.length === 1 ? name.toLowerCase() : name;
    const steers =
      this.hands.some(({ keys }) => [keys.left, keys.right, keys.up, keys.down].includes(key)) ||
      key in (this.steering.keys ?? {});
    if (!steers) return false;
    down ? this.pushed.add(key) : this.pushed.delete(key);
    if (down) this.changed();
    return true;
  }

  /** Take the positions of a gamepad's sticks, one per hand. */
  sticks(positions) {
    this.hands.forEach((hand, n) => {
      hand.stick = positions?.[n] ?? [0, 0];
    });
  }

  get busy() {
    return (
      this.pushed.size > 0 ||
      this.hands.some(({ lean, stick }) => [...lean, ...stick].some(Boolean))
    );
  }

  letGo() {
    this.pushed.clear();
    this.hands.forEach((hand) => hand.letGo());
  }

  /** Begin before frame `first`: columns are where the recording's last action left them, or still. */
  begin(first, recorded) {
    Object.assign(this, { first: Math.max(0, first - 1), done: [], held: recorded[first] });
    const last = recorded[first - 1],
      { still } = this.steering;
    this.columns.forEach((column, i) => {
      const rest =
        still !== undefined && still === clamp(still, column) ? still : (last?.[i] ?? column.mean);
      column.set = column.rest = clamp(rest, column);
    });
    this.say();
  }

  /** Go on from what a replay did: positions stay where it left them. */
  takeOver(values) {
    this.columns.forEach((column, i) => {
      if (column.step && values) column.set = clamp(values[i], column);
    });
  }

  back(steps) {
    this.done.length = Math.max(0, this.done.length - steps);
    const values = this.done.at(-1);
    this.columns.forEach((column, i) => {
      if (column.step) column.set = values?.[i] ?? column.rest;
    });
  }

  /** Note what a replay did. */
  replayed(values) {
    this.done.push(values);
  }

  /** Return the next command. It is held for as many frames as commands of the data are. */
  action() {
    const anew = (this.first + this.done.length) % (this.steering.held_frames ?? 1) === 0;
    const values = anew ? this.now() : (this.done.at(-1) ?? this.held ?? this.now());
    this.columns.forEach((column, i) => {
      if (column.step) column.set = values[i];
    });
    this.done.push(values);
    return values;
  }

  get strength() {
    return Number($("strength").value);
  }

  now() {
    const values = this.columns.map((column) => column.set);
    for (const hand of this.hands)
      for (const [column, share] of hand.shares(this.pushed, this.strength))
        values[this.columns.indexOf(column)] = column.at(share);
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
