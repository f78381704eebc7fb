// A number that is steered: its slider, and what keys do to it.

const SHORT = 14;

/** A name in few letters: of a long one the end, without what all long names end with. */
export function brief(name, names) {
  if (name.length <= SHORT) return name;
  const long = names.filter((other) => other.length > SHORT);
  const ends =
    long.length > 1 ? [...name.matchAll(/[._/ -]/g)].map((end) => name.slice(end.index)) : [];
  const shared = ends.find((end) => long.every((other) => other.endsWith(end))) ?? "";
  return `…${name.slice(0, name.length - shared.length).slice(1 - SHORT)}`;
}

export const clamp = (value, { low, high }) => Math.min(Math.max(value, low), high);
const shown = (value, { low, high }) =>
  `${value < 0 ? "−" : ""}${Math.abs(value).toFixed(high - low < 1 ? 3 : 2)}`;
const signed = (value, column) => `${value < 0 ? "" : "+"}${shown(value, column)}`;

/** Make an element with properties and children. Outputs are not read aloud at every frame. */
export function made(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  if (tag === "output") element.ariaLive = "off";
  element.append(...children);
  return element;
}

/** A number that is steered: a position moves by `step` and stays, a command springs back. */
export class Column {
  constructor(given, names, key) {
    Object.assign(this, given);
    this.set = this.rest = clamp(this.mean, this);
    this.slider = made("input", {
      type: "range",
      min: this.low,
      max: this.high,
      step: (this.high - this.low) / 200 || 1,
      disabled: this.low >= this.high,
    });
    this.slider.setAttribute("aria-label", this.name);
    this.says = made("output");
    const name = made("span", { textContent: brief(this.name, names), title: this.name });
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
    const [less, more] = [-sign, sign].map((way) =>
      this.step ? signed(way * strength * this.step, this) : shown(this.at(way * strength), this),
    );
    return `${one} ${less}  ${other} ${more}${unit}${this.step ? "/frame" : ""}`;
  }

  say(value) {
    const text = `${shown(value, this)}${this.unit ? ` ${this.unit}` : ""}`;
    if (this.says.textContent === text) return;
    this.says.textContent = text;
    if (!this.slider.matches(":active")) this.slider.value = value;
  }
}
