// The keyboard: after a click its keys drive; a control that was reached with Tab keeps its own.

const MOVES = /^(Arrow|Home|End|Page)/; // keys that a slider, a radio or a list uses itself
const PRESSES = /^( |Enter)$/; // keys that a button or a box uses itself

const isOpen = (target) => {
  try {
    return target.matches("select:open");
  } catch {
    return false;
  }
};

export class Keyboard {
  /**
   * `steers(key, down)` returns whether a key steers, `actions` says what other keys do, and
   * `letGo()` is called when keys can no longer be heard.
   */
  constructor({ steers, actions, letGo }) {
    Object.assign(this, { steers, actions });
    this.byPointer = false; // whether the last input was a pointer's
    this.clicked = null; // the control that a pointer gave the focus to
    addEventListener(
      "pointerdown",
      () => {
        this.byPointer = true;
      },
      true,
    );
    addEventListener("focusin", ({ target }) => this.focused(target));
    for (const event of ["click", "change"]) addEventListener(event, () => this.release());
    addEventListener("keydown", (event) => this.down(event));
    addEventListener("keyup", (event) => {
      this.steers(event.key, false);
    });
    addEventListener("blur", letGo);
  }

  focused(target) {
    if (this.byPointer) this.clicked = target;
    else if (target !== this.clicked) this.clicked = null;
  }

  /** Take the focus from a control that was clicked, unless its list is open. */
  release() {
    const held = document.activeElement;
    if (!this.byPointer || !/^(INPUT|BUTTON|SELECT|SUMMARY)$/.test(held.tagName) || isOpen(held))
      return;
    held.blur();
    this.clicked = null;
  }

  /** Whether a key belongs to the control that has the focus. */
  keeps(target, key) {
    if (isOpen(target)) return true;
    if (target === this.clicked) return false;
    if (target.tagName === "SELECT") return true;
    if (MOVES.test(key)) return ["range", "radio"].includes(target.type);
    return PRESSES.test(key) && /^(BUTTON|SUMMARY|INPUT)$/.test(target.tagName);
  }

  down(event) {
    const { key, target } = event;
    this.byPointer = false;
    if (event.ctrlKey || event.metaKey || event.altKey || this.keeps(target, key)) return;
    if (this.steers(key, true)) {
      event.preventDefault();
      return;
    }
    const does = this.actions[key.toLowerCase()];
    if (does) {
      event.preventDefault();
      if (!event.repeat || does.repeats) does();
    } else if (target.tagName === "SELECT" && key.length === 1) {
      event.preventDefault(); // or the list would jump to another model
    }
  }
}
