// The connection to the server. One picture is asked for at a time: the next act is sent when the
// last picture has arrived.

const token = new URLSearchParams(location.search).get("token");
export const address = (path) => (token ? `${path}?token=${encodeURIComponent(token)}` : path);

const AGAIN_MS = 1500,
  SLOWLY_MS = 5000;
export const LOST_AFTER = 4; // attempts to connect again
export const LINKED = "connected";

export class Wire {
  /** `heard` has the handlers `ready` (told the key of the connection before), `picture`, `plan`, `gone`
   * (the drive of that connection), `error` and `lost` (told how often in a row). */
  constructor(heard) {
    this.heard = heard;
    this.seen = 0;
    this.tries = 0;
    this.asked = null; // when the act was sent whose picture has not arrived yet
    this.begins = this.begun = 0; // drives asked for, and the one that the last picture is of
    this.open();
  }

  open() {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    this.socket = new WebSocket(address(`${scheme}://${location.host}/drive`));
    this.socket.binaryType = "arraybuffer";
    this.socket.onmessage = (event) => this.take(event.data);
    this.socket.onclose = () => {
      this.asked = null;
      this.heard.lost(this.tries++);
      setTimeout(() => this.open(), this.tries > LOST_AFTER ? SLOWLY_MS : AGAIN_MS);
    };
  }

  take(data) {
    if (typeof data === "string") {
      const message = JSON.parse(data);
      if (message.is === "ready") {
        const before = this.key;
        this.key = message.key;
        this.seen = this.tries = this.begins = this.begun = 0;
        this.asked = null;
        this.heard.ready(before);
      } else if (message.is === "gone") {
        this.begun = this.begins;
        this.heard.gone();
      } else if (message.is === "error") {
        this.asked = null;
        this.begun = this.begins;
        this.heard.error(message.says);
      } else if (message.is === "plan" && message.begins === this.begins) {
        this.heard.plan(message);
      }
      return;
    }
    const length = new DataView(data).getUint32(0);
    const head = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 4, length)));
    this.seen = head.number;
    this.begun = head.begins;
    const waited = this.asked === null ? null : performance.now() - this.asked;
    this.asked = null;
    this.heard.picture(head, new Uint8Array(data, 4 + length), waited);
  }

  get free() {
    return (
      this.asked === null && this.begun === this.begins && this.socket.readyState === WebSocket.OPEN
    );
  }

  say(message) {
    if (this.socket.readyState !== WebSocket.OPEN) return;
    if (message.do === "begin" || message.do === "resume") this.begins++;
    this.socket.send(JSON.stringify(message));
  }

  /** Act, unless the picture of the last act has not arrived yet. */
  act(how) {
    if (!this.free) return false;
    this.asked = performance.now();
    this.say({ do: "act", seen: this.seen, ...how });
    return true;
  }
}
