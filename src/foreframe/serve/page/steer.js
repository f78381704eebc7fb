// Steering by numbers: a pad and the arrow keys for two columns, a key for some, a slider for each.

const $ = (id) => document.getElementById(id);

export class Steer {
  constructor(simulator, changed) {
    Object.assign(this, { columns: simulator.columns, steering: simulator.steering, changed });
    this.rest = this.columns.map((c) => (c.low <= 0 && c.high >= 0 ? 0 : c.mean));
    this.set = [...this.rest];           // the values of the sliders
    this.pushed = new Set();             // the keys that are down
    this.lean = [0, 0];                  // the pad's position, right and down, -1 to 1
    this.begin(0, null);
    this.draw();
  }

  draw() {
    const names = this.columns.map((c) => c.name), { right, down } = this.steering;
    const choices = (first, sign) => ["", ...names.flatMap((n) => [`+${n}`, `-${n}`])].map((value) => {
      const option = new Option(value ? `${value[0] === "+" ? "" : "−"}${value.slice(1)}` : "nothing", value);
      option.selected = value === (first ? `${sign}${first}` : "");
      return option;
    });
    $("across").replaceChildren(...choices(right ?? names[0], "+"));
    $("along").replaceChildren(...choices(down ?? names[1], down ? "+" : "-"));
    $("columns").replaceChildren(...this.columns.map((c, i) => {
      const label = document.createElement("label"), name = document.createElement("span"), says = document.createElement("output");
      const slider = Object.assign(document.createElement("input"), { type: "range", min: c.low, max: c.high, step: (c.high - c.low) / 200 || 1, value: this.rest[i] });
      slider.setAttribute("aria-label", c.name);
      const key = Object.entries(this.steering.keys ?? {}).find(([, column]) => column === c.name)?.[0];
      name.textContent = key ? `${c.name} (${key.toUpperCase()})` : c.name;
      name.title = c.name;
      slider.oninput = () => { this.set[i] = Number(slider.value); this.changed(); };
      slider.ondblclick = () => { slider.value = this.rest[i]; slider.oninput(); };
      Object.assign(c, { slider, says });
      label.append(name, slider, says);
      return label;
    }));
    const pad = $("pad");
    const lean = (event) => {
      const box = pad.getBoundingClientRect();
      let x = (event.clientX - box.left) / box.width * 2 - 1, y = (event.clientY - box.top) / box.height * 2 - 1;
      const far = Math.max(1, Math.hypot(x, y));
      this.lean = [x / far, y / far];
      this.changed();
    };
    pad.onpointerdown = (event) => { pad.setPointerCapture(event.pointerId); lean(event); };
    pad.onpointermove = (event) => { if (pad.hasPointerCapture(event.pointerId)) lean(event); };
    pad.onpointerup = pad.onpointercancel = () => { this.lean = [0, 0]; };
    this.say();
  }

  /** Note that a key went down or up; return whether it steers. */
  key(name, down) {
    if (!/^Arrow/.test(name) && !(name.toLowerCase() in (this.steering.keys ?? {}))) return false;
    down ? this.pushed.add(name) : this.pushed.delete(name);
    if (down) this.changed();
    return true;
  }

  get busy() { return this.pushed.size > 0 || this.lean.some(Boolean); }

  letGo() { this.pushed.clear(); this.lean = [0, 0]; }

  /** Begin before frame `first`; `recorded` is the recording's command for it, which may be held over from the frame before. */
  begin(first, recorded) { this.first = Math.max(0, first - 1); this.done = []; this.recorded = recorded; }

  back(steps) { this.done.length = Math.max(0, this.done.length - steps); }

  /** Return the next command. It is held for as many frames as commands of the data are. */
  action() {
    const anew = (this.first + this.done.length) % (this.steering.held_frames ?? 1) === 0;
    this.done.push(anew ? this.now() : this.done.at(-1) ?? this.recorded ?? this.now());
    return this.done.at(-1);
  }

  now() {
    const values = [...this.set], strength = Number($("strength").value), has = (k) => (this.pushed.has(k) ? 1 : 0);
    const right = this.lean[0] || (has("ArrowRight") - has("ArrowLeft")) * strength;
    const down = this.lean[1] || (has("ArrowDown") - has("ArrowUp")) * strength;
    for (const [how, towards] of [[$("across").value, right], [$("along").value, down]]) {
      const i = this.columns.findIndex((c) => c.name === how.slice(1));
      if (i < 0 || !towards) continue;
      const share = how[0] === "+" ? towards : -towards, c = this.columns[i];
      values[i] = this.rest[i] + share * (share > 0 ? c.high - this.rest[i] : this.rest[i] - c.low);
    }
    for (const [key, name] of Object.entries(this.steering.keys ?? {})) {
      const i = this.columns.findIndex((c) => c.name === name);
      if (i >= 0 && (this.pushed.has(key) || this.pushed.has(key.toUpperCase()))) values[i] = this.columns[i].high;
    }
    return values;
  }

  /** Show the current values. */
  say() {
    const values = this.now(), strength = Number($("strength").value), has = (k) => (this.pushed.has(k) ? 1 : 0);
    this.columns.forEach((c, i) => { c.says.textContent = values[i].toFixed(Math.abs(c.high - c.low) < 1 ? 3 : 2); });
    const x = this.lean[0] || (has("ArrowRight") - has("ArrowLeft")) * strength, y = this.lean[1] || (has("ArrowDown") - has("ArrowUp")) * strength;
    $("pad").firstElementChild.style.transform = `translate(${x * 220}%, ${y * 220}%)`;
  }
}
