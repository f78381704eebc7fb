// A gamepad: two sticks steer, buttons act.

const DEAD = 0.18; // how far a stick that is let go may stand off its middle

const beyond = (value = 0) =>
  Math.abs(value) < DEAD ? 0 : (Math.sign(value) * (Math.abs(value) - DEAD)) / (1 - DEAD);

export class Gamepad {
  /** `buttons` says what happens when a button goes down, by its number in the standard layout. */
  constructor(buttons) {
    Object.assign(this, { buttons, down: new Set(), name: null });
  }

  /** Return the two sticks, each [right, down] in [-1, 1]; null where there is no gamepad. */
  poll() {
    const pad = [...(navigator.getGamepads?.() ?? [])].find((found) => found?.connected);
    this.name = pad?.id ?? null;
    if (!pad) return null;
    const down = new Set(pad.buttons.flatMap((button, n) => (button.pressed ? [n] : [])));
    for (const n of down) if (!this.down.has(n)) this.buttons[n]?.();
    this.down = down;
    const [left, right] = [
      [0, 1],
      [2, 3],
    ].map((pair) => pair.map((n) => beyond(pad.axes[n])));
    return [left, right];
  }
}
