// What the page says of a drive: figures under the picture, signs of connection and recording, news.

const $ = (id) => document.getElementById(id);

let arrived = []; // when the pictures of the last second did

/** Show the figures of a picture, and the time from the act to it if there was an act. */
export function figures(head, waited) {
  const now = performance.now();
  arrived = [...arrived.filter((t) => now - t < 1000), now];
  $("step").textContent = head.step;
  $("rate").textContent =
    arrived.length > 2 ? (((arrived.length - 1) / (now - arrived[0])) * 1000).toFixed(0) : "–";
  if (waited !== null) $("latency").textContent = `${waited.toFixed(0)} ms`;
  $("psnr").textContent = head.psnr === null ? "–" : `${head.psnr.toFixed(1)} dB`;
  $("undo").disabled = !head.can_undo;
  $("caption").textContent =
    head.samples > 1
      ? `${head.samples} imagined futures; click one to go on from it`
      : "imagined by the model";
  $("recording").dataset.is = head.kept === null ? "off" : head.recorded ? "on" : "full";
  $("recording").textContent = `${head.recorded ? "recording" : "recording full"}, ${head.kept}`;
}

/** Say a line of news beside the model. */
export function tell(text, bad = false) {
  $("status").textContent = text;
  $("status").classList.toggle("bad", bad);
}

/** Show how the connection stands: connected, reconnecting or lost; `text` says it in words. */
export function linked(how, text = how) {
  $("link").dataset.is = how;
  $("link").textContent = text;
  if (how !== "connected") $("recording").dataset.is = "off";
}
