// What can be chosen: a model, how many futures, a form to keep a drive in, a clip to begin from.

import { address } from "./wire.js";

const $ = (id) => document.getElementById(id);

/** Make a button. */
export function button(text, does) {
  const made = document.createElement("button");
  made.textContent = text;
  made.onclick = does;
  return made;
}

/** Fill the list of models. */
export function showModels(simulators) {
  $("model").replaceChildren(
    ...simulators.map((s) => new Option(`${s.name} (${s.model})`, s.name)),
  );
}

/** Show how many futures there may be; `chosen` is told the number. */
export function showSamples(counts, chosen) {
  const choices = counts.map((n) => {
    const label = document.createElement("label");
    const radio = document.createElement("input");
    Object.assign(radio, { type: "radio", name: "samples", value: n, checked: n === 1 });
    radio.onchange = () => chosen(n);
    label.append(radio, `${n} ${n === 1 ? "future" : "futures"}`);
    return label;
  });
  $("samples").replaceChildren(...choices);
}

/** Show the clips that a drive of a simulator may begin from; `begin` is told the number. */
export function showStarts(simulator, begin) {
  const folder = `simulators/${encodeURIComponent(simulator.name)}/starts`;
  const choices = simulator.starts.map((start, i) => {
    const choice = button("", () => begin(i)),
      image = new Image();
    Object.assign(image, { src: address(`${folder}/${i}.png`), alt: `clip ${start.name}` });
    choice.setAttribute("role", "option");
    choice.append(image);
    return choice;
  });
  $("starts").replaceChildren(...choices);
}
