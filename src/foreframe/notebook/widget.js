// A session in a cell: the page's canvas, hands and columns, with messages in the place of a server.

import { Column, made } from "./column.js";
import { Hand, KEYS } from "./hand.js";
import { Stage } from "./stage.js";

const STRENGTH = 1,
  USUAL_PACE = 10;

class Cell {
  constructor(model, root) {
    const about = model.get("about");
    Object.assign(this, { model, root, about, pushed: new Set(), free: false, once: 0, last: 0 });
    this.names = about.columns.map((column) => column.name);
    this.columns = about.columns.map((column) => new Column(column, this.names));
    this.hands = about.hands.map(
      (hand, n) => new Hand(KEYS[n], [hand.across, hand.along], this.columns, () => this.nudge()),
    );
    this.samples = 1;
    this.build();
    this.listen();
    this.say();
    this.heard = (message, buffers) => this.hear(message, buffers);
    model.on("msg:custom", this.heard);
    this.ask({ do: "look" });
    this.frame = requestAnimationFrame((now) => this.beat(now));
  }

  build() {
    const [height, width] = this.about.frame;
    this.canvas = made("canvas", { className: "seen", width, height, tabIndex: 0 });
    this.canvas.setAttribute("role", "img");
    this.canvas.setAttribute("aria-label", "what the model sees; click, and the keys drive");
    this.stage = new Stage(this.canvas, made("canvas"), made("div"));
    this.stage.compares = false;
    this.tells = made("div", { className: "tells", textContent: "click the picture, then drive" });
    this.tells.setAttribute("role", "status");
    this.undo = this.button("Undo (Z)", () => this.ask({ do: "undo", steps: 1 }));
    const pace = this.about.frames_per_second ? Math.max(8, this.about.frames_per_second) : USUAL_PACE;
    this.pace = made("input", { type: "range", min: 1, max: 30, value: Math.round(pace) });
    const counts = made("select", { title: "futures side by side" });
    counts.append(...this.about.samples.map((n) => new Option(`${n} future${n > 1 ? "s" : ""}`, n)));
    counts.onchange = () => this.ask({ do: "choose", sample: 0, samples: Number(counts.value) });
    this.counts = counts;
    this.spread = made("input", { type: "checkbox" });
    this.spread.onchange = () => {
      this.stage.overlay = this.spread.checked;
      this.stage.again();
    };
    const buttons = made(
      "div",
      { className: "does" },
      this.button("Step (.)", () => this.nudge()),
      this.undo,
      this.button("Another future (N)", () => this.ask({ do: "reseed" })),
      counts,
      made("label", {}, this.spread, "where they differ"),
      made("label", {}, "pace", this.pace),
    );
    const sliders = made("div", { className: "columns" }, ...this.columns.map((c) => c.element));
    const hands = made("div", { className: "hands" }, ...this.hands.map((hand) => hand.element));
    const steers = made("div", { className: "steers" }, hands, sliders, buttons, this.tells);
    this.root.classList.add("foreframe");
    this.root.dataset.lmSuppressShortcuts = "true"; // or JupyterLab would take the keys
    this.root.replaceChildren(this.canvas, steers);
  }

  button(textContent, onclick) {
    return made("button", { type: "button", textContent, onclick });
  }

  listen() {
    for (const column of this.columns) {
      column.slider.oninput = () => {
        column.set = Number(column.slider.value);
        this.nudge();
      };
      column.slider.ondblclick = () => {
        column.set = column.rest;
        this.nudge();
      };
    }
    this.canvas.onclick = (event) => {
      this.canvas.focus();
      if (this.samples > 1)
        this.ask({ do: "choose", sample: this.stage.sampleAt(event), samples: this.samples });
    };
    this.root.onkeydown = (event) => this.key(event, true);
    this.root.onkeyup = (event) => this.key(event, false);
    this.root.onfocusout = () => this.letGo();
  }

  /** Take a key, unless a list or a slider has the focus and uses it itself. */
  key(event, down) {
    event.stopPropagation();
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.tagName === "SELECT") return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (this.hands.some(({ keys }) => [keys.left, keys.right, keys.up, keys.down].includes(key))) {
      if (event.target.type === "range") return;
      event.preventDefault();
      if (down) this.pushed.add(key);
      else this.pushed.delete(key);
      if (down && !event.repeat) this.nudge();
      if (!down) this.say();
    } else if (down) {
      const does = { z: () => this.undo.click(), n: () => this.ask({ do: "reseed" }), ".": () => this.nudge() };
      if (does[key]) event.preventDefault();
      does[key]?.();
    }
  }

  letGo() {
    this.pushed.clear();
    this.hands.forEach((hand) => hand.letGo());
    this.say();
  }

  nudge() {
    this.once = 1;
    this.say();
  }

  get busy() {
    return this.pushed.size > 0 || this.hands.some(({ lean }) => lean.some(Boolean));
  }

  now() {
    const values = this.columns.map((column) => column.set);
    for (const hand of this.hands)
      for (const [column, share] of hand.shares(this.pushed, STRENGTH))
        values[this.columns.indexOf(column)] = column.at(share);
    return values;
  }

  say(values = this.now()) {
    this.columns.forEach((column, i) => column.say(values[i]));
    this.hands.forEach((hand) => hand.say(values, this.pushed, STRENGTH));
  }

  /** Ask for one thing at a time; the next act waits for the picture of the last. */
  ask(message) {
    this.free = false;
    this.model.send(message);
  }

  beat(now) {
    this.frame = requestAnimationFrame((next) => this.beat(next));
    const due = now - this.last >= 1000 / Number(this.pace.value) - 2;
    if (!this.free || !(this.once || (this.busy && due))) return;
    Object.assign(this, { once: 0, last: now });
    const action = this.now();
    this.say(action);
    this.ask({ do: "act", seen: 0, action });
  }

  hear(message, buffers) {
    this.free = true;
    if (message.is === "error") {
      this.tells.textContent = message.says;
      return;
    }
    const { buffer, byteOffset, byteLength } = buffers[0];
    const bytes = new Uint8Array(buffer ?? buffers[0], byteOffset ?? 0, byteLength);
    this.stage.show(message, bytes, this.about.frame);
    this.samples = message.samples;
    this.counts.value = message.samples;
    this.undo.disabled = !message.can_undo;
    this.root.dataset.step = message.step;
    this.tells.textContent = message.step ? `step ${message.step}` : "click the picture, then drive";
  }

  end() {
    cancelAnimationFrame(this.frame);
    this.model.off("msg:custom", this.heard);
  }
}

export default {
  render({ model, el }) {
    const cell = new Cell(model, el);
    return () => cell.end();
  },
};
