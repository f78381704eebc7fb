// The connection to the model, which runs in a worker of this page. It speaks the messages of the
// server, so the rest of the page is the same. One picture is asked for at a time.

export const address = (path) => (path === "simulators" ? "simulators.json" : path);
export const LOST_AFTER = Infinity; // there is no server that could be lost
export const LINKED = "in this browser";

export class Wire {
  /** `heard` has the handlers `ready`, `picture`, `news` and `error`. */
  constructor(heard) {
    this.heard = heard;
    this.asked = null; // when the act was sent whose picture has not arrived yet
    this.begins = this.begun = 0; // drives asked for, and the one that the last picture is of
    this.worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
    this.worker.onmessage = ({ data }) => this.take(data);
    this.worker.onerror = (event) =>
      this.take({ is: "error", says: event.message || "the model's worker did not start" });
  }

  take(message) {
    if (message.is === "picture") {
      this.begun = message.head.begins;
      const waited = this.asked === null ? null : performance.now() - this.asked;
      this.asked = null;
      this.heard.picture(message.head, message.bytes, waited);
    } else if (message.is === "error") {
      this.asked = null;
      this.begun = this.begins;
      this.heard.error(message.says);
    } else this.heard[message.is](message.says);
  }

  get free() {
    return this.asked === null && this.begun === this.begins;
  }

  say(message) {
    if (message.do === "begin") this.begins++;
    this.worker.postMessage(message);
  }

  /** Act, unless the picture of the last act has not arrived yet. */
  act(how) {
    if (!this.free) return false;
    this.asked = performance.now();
    this.say({ do: "act", ...how });
    return true;
  }
}
