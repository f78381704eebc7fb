// A goal picture, and the way there: the server plans, the page acts on the plan and asks again.

import { address } from "./wire.js";

const $ = (id) => document.getElementById(id);
const ANEW = 4, // frames that are acted on before a new plan
  MOST = 40; // frames; then it stops

export class There {
  /** `say` sends a message; `shown` returns the picture that is seen as RGB bytes; `changed` is told. */
  constructor({ say, shown, changed }) {
    Object.assign(this, { say, shown, changed, on: false, plan: null, waits: false, done: 0 });
    $("goal-here").onclick = () => this.#here();
    $("goal-row").oninput = () => this.#row(Number($("goal-row").value));
    $("go").onclick = () => this.toggle();
  }

  /** Take another clip; a goal stays, unless the model is another one. */
  begin(simulator, start, rows) {
    this.stop();
    if (simulator !== this.simulator) {
      $("goal").width = $("goal").height = 0;
      $("go").disabled = true;
      $("going").textContent = "choose a goal picture";
    }
    Object.assign(this, { simulator, start });
    $("goal-row").max = rows - 1;
  }

  toggle(on = !this.on) {
    if ($("go").disabled) return;
    Object.assign(this, { on, plan: null, waits: false, done: 0 });
    $("go").firstChild.textContent = on ? "Stop " : "Go there ";
    if (!on && $("going").textContent.startsWith("planning")) $("going").textContent = "";
    this.changed();
  }

  stop() {
    if (this.on) this.toggle(false);
  }

  /** Return the next action, when frame `row` comes next; ask for a plan if there is none. */
  next(row) {
    const done = this.plan ? row - this.plan.row : ANEW;
    if (this.done >= MOST) {
      this.stop();
      return null;
    }
    if (this.plan && done >= 0 && done < Math.min(ANEW, this.plan.actions.length)) {
      this.done += 1;
      return (this.last = this.plan.actions[done]);
    }
    if (!this.waits) {
      this.waits = true;
      if (!this.plan) $("going").textContent = "planning ...";
      this.say({ do: "seek" });
    }
    return null;
  }

  /** Take a plan that the server made. */
  take(plan) {
    if (!this.on) return;
    this.waits = false;
    this.plan = plan;
    const share = plan.at_rest > 0 ? Math.round((100 * plan.cost) / plan.at_rest) : 100;
    $("going").textContent =
      `expects ${plan.cost.toPrecision(2)} ± ${plan.spread.toPrecision(1)} from the goal, ` +
      `${share} % of what waiting leaves`;
  }

  #here() {
    const [height, width] = this.simulator.frame,
      bytes = this.shown();
    if (!bytes) return;
    const image = this.#canvas(width, height).createImageData(width, height);
    for (let i = 0, to = 0; to < image.data.length; i += 3, to += 4) {
      for (let c = 0; c < 3; c++) image.data[to + c] = bytes[i + c];
      image.data[to + 3] = 255;
    }
    $("goal").getContext("2d").putImageData(image, 0, 0);
    this.#chosen("what was seen here", {});
  }

  #row(row) {
    const name = encodeURIComponent(this.simulator.name),
      [height, width] = this.simulator.frame,
      image = new Image();
    image.onload = () => this.#canvas(width, height).drawImage(image, 0, 0, width, height);
    const path = address(`simulators/${name}/starts/${this.start}.png`);
    image.src = `${path}${path.includes("?") ? "&" : "?"}row=${row}`;
    this.#chosen(`frame ${row} of the clip`, { start: this.start, row });
  }

  #canvas(width, height) {
    [$("goal").width, $("goal").height] = [width, height];
    return $("goal").getContext("2d");
  }

  #chosen(words, goal) {
    this.stop();
    this.say({ do: "goal", ...goal });
    $("go").disabled = false;
    $("going").textContent = `goal: ${words}`;
  }
}
