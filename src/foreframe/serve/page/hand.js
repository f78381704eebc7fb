// One hand: four keys, a pad and a stick that steer two columns.

import { brief, made } from "./column.js";

export const KEYS = [
  {
    left: "ArrowLeft",
    right: "ArrowRight",
    up: "ArrowUp",
    down: "ArrowDown",
    caps: ["←", "→", "↑", "↓"],
  },
  { left: "a", right: "d", up: "w", down: "s", caps: ["A", "D", "W", "S"] },
];

/** What stands for a column and a direction in a list. */
const choice = (name, sign) => `${sign > 0 ? "+" : "-"}${name}`;

/** Two columns, and the keys, the pad and the stick that steer them. */
export class Hand {
  constructor(keys, axes, columns, changed) {
    Object.assign(this, { keys, columns, changed, lean: [0, 0], stick: [0, 0] });
    this.knob = made("i");
    this.pad = made("div", { className: "pad", tabIndex: 0 }, this.knob);
    this.pad.setAttribute("role", "application");
    this.pad.setAttribute("aria-label", `Steering pad: drag, or use ${keys.caps.join(" ")}`);
    this.axes = axes.map((axis) => this.choices(axis));
    this.says = axes.map(() => made("output"));
    const captions = [
      [0, 1],
      [2, 3],
    ].map(([a, b], n) =>
      made(
        "label",
        {},
        made("kbd", { textContent: keys.caps[a] }),
        made("kbd", { textContent: keys.caps[b] }),
        this.axes[n],
        this.says[n],
      ),
    );
    this.element = made("div", { className: "hand" }, this.pad, ...captions);
    this.listen();
  }

  /** A list of the columns that move, in both directions. */
  choices(axis) {
    const moving = this.columns
      .filter((c) => c.low < c.high)
      .flatMap((c) => [
        [c.name, 1],
        [c.name, -1],
      ]);
    const names = this.columns.map((c) => c.name);
    const select = made(
      "select",
      { title: "the column that these keys steer" },
      new Option("nothing", ""),
    );
    select.append(
      ...moving.map(
        ([name, sign]) =>
          new Option(sign > 0 ? brief(name, names) : `−${brief(name, names)}`, choice(name, sign)),
      ),
    );
    select.value = axis ? choice(axis.column, axis.sign) : "";
    select.setAttribute("aria-label", "column");
    return select;
  }

  listen() {
    const { pad } = this;
    const lean = (event) => {
      const box = pad.getBoundingClientRect();
      const x = ((event.clientX - box.left) / box.width) * 2 - 1,
        y = ((event.clientY - box.top) / box.height) * 2 - 1;
      const far = Math.max(1, Math.hypot(x, y));
      this.lean = [x / far, y / far];
      this.changed();
    };
    pad.onpointerdown = (event) => {
      pad.setPointerCapture(event.pointerId);
      lean(event);
    };
    pad.onpointermove = (event) => {
      if (pad.hasPointerCapture(event.pointerId)) lean(event);
    };
    pad.onpointerup = pad.onpointercancel = () => {
      this.lean = [0, 0];
    };
  }

  letGo() {
    this.lean = [0, 0];
    this.stick = [0, 0];
  }

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
      this.says[n].textContent =
        i < 0
          ? ""
          : this.columns[i].pushes(
              strength,
              select.value[0] === "-" ? -1 : 1,
              this.keys.caps.slice(2 * n),
            );
      if (i < 0) return 0;
      return pushed[n] || this.columns[i].share(values[i]) * (select.value[0] === "-" ? -1 : 1);
    });
    this.knob.style.transform = `translate(${x * 180}%, ${y * 180}%)`;
  }
}
