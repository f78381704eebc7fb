// What the page says of a simulator: what is seen, what it is given, its card, and its keys.

const $ = (id) => document.getElementById(id);

/** Say what is seen and what the model is given. */
export function describe(simulator) {
  $("what").textContent =
    "Everything here is imagined by a neural network that learned from recordings: " +
    "no simulator runs behind it. " +
    (simulator.by_pictures
      ? "The skeleton is the condition; the network draws the dancer."
      : "The keys are the robot's actions; the network draws what the camera would see.");
  $("states").hidden = !simulator.predicted_states.length;
  $("states").textContent =
    `The model is also given ${simulator.predicted_states.join(", ")}. ` +
    "These are not known ahead, so a small linear head that was fitted with the run predicts " +
    "them from your actions; nothing is taken from a recording.";
  $("latent").textContent = simulator.has_latent
    ? "z stands for what the conditions do not determine: each future draws its own, " +
      "the wilder the higher the temperature."
    : "This model has no latent: all futures are the same.";
  $("card").textContent =
    `${simulator.name}: ${simulator.model}, ` +
    `${simulator.parameters.toLocaleString("en")} parameters, recipe ${simulator.notes.recipe}, ` +
    `${simulator.notes.step} steps; ${simulator.frame.join("×")} pixels; ` +
    (simulator.act_ms === null
      ? "computed in this browser; nothing is sent anywhere."
      : `${simulator.act_ms} ms per act in ${simulator.precision} on this machine.`);
}

/** List the keys; `steering` are pairs of keys and what they steer. */
export function listKeys(simulator, steering) {
  const dances = simulator.by_pictures;
  const rows = [
    ["Space", "run or pause"],
    [".", "one step"],
    ["Z", "undo"],
    ["N", "another future from here"],
    ["R", "reset"],
    ["1 4 9", "futures side by side"],
    ["U", "show where they disagree"],
    ["F", "freeze z"],
    ["P", dances ? "follow the recording" : "replay the recording"],
    dances ? ["M", "mirror"] : ["T", "go there: to the goal picture, or stop"],
    ...steering,
    ["gamepad", "sticks steer; A step, B undo, Y another future, Start run, Back reset"],
  ];
  $("keys").replaceChildren(
    ...rows.map(([key, what]) => {
      const row = document.createElement("tr"),
        cap = document.createElement("kbd");
      cap.textContent = key;
      row.insertCell().append(cap);
      row.insertCell().textContent = what;
      return row;
    }),
  );
}
