// Keeping a drive: as an animation, or as a clip with a command that works on it.

import { address } from "./wire.js";

const $ = (id) => document.getElementById(id);

/** Download a drive as an animation. */
export function download(key, name, suffix) {
  const link = document.createElement("a");
  link.href = address(`drives/${key}/drive.${suffix}`);
  link.download = `${name}.${suffix}`;
  link.click();
  $("kept").textContent = `writing ${suffix.toUpperCase()}`;
}

/** Save a drive as a clip, and show what can be done with it. */
export async function save(key) {
  const answer = await fetch(address(`drives/${key}/clip`), { method: "POST" });
  if (!answer.ok) {
    $("kept").textContent = await answer.text();
    return;
  }
  const said = await answer.json(),
    command = document.createElement("code");
  command.textContent = said.command;
  const short = said.lacking ? `; with ${said.lacking} more, futures can be drawn beside them` : "";
  $("kept").replaceChildren(`${said.frames} frames are saved${short}. Now: `, command);
  $("kept").scrollIntoView({ block: "nearest" });
}
