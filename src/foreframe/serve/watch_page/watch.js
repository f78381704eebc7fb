// The page of a run that trains: it asks every few seconds, and loads pictures only when they changed.

const EVERY_MS = 2000;
const at = (id) => document.getElementById(id);
const shown = { version: 0, picture: null, misses: 0 };

function duration(seconds) {
  if (seconds === null) return "-";
  const minutes = Math.round(seconds / 60);
  if (minutes < 1) return `${Math.round(seconds)} s`;
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

const number = (value, digits) => (value === null || value === undefined ? "-" : value.toFixed(digits));

function show(state) {
  const done = state.steps !== null && state.step >= state.steps;
  document.title = state.steps ? `${Math.floor((100 * state.step) / state.steps)} % ${state.run}` : state.run;
  at("run").textContent = state.run;
  at("said").textContent = done ? "done" : state.step ? "training" : "about to begin";
  at("bar").value = state.steps ? state.step / state.steps : 0;
  at("step").textContent = state.steps === null ? state.step : `${state.step} of ${state.steps}`;
  at("left").textContent = done ? "0 s" : duration(state.seconds_left);
  at("loss").textContent = number(state.loss, 4);
  at("rate").textContent = number(state.rate_nats, 2);
  const last = state.validation;
  at("psnr").textContent = last ? `${number(last.validation_psnr, 2)} dB` : "-";
  at("crps").textContent = last ? `${number(last.validation_crps, 4)} (${number(state.best, 4)})` : "-";
  at("warnings").replaceChildren(...state.warnings.map((text) => Object.assign(document.createElement("li"), { textContent: text })));
  if (state.picture && state.picture !== shown.picture) {
    shown.picture = state.picture;
    at("picture").src = `progress/${state.picture}`;
    at("caption").textContent = `A validation clip, its truth and samples: ${state.picture}`;
    at("pictured").hidden = false;
  }
  if (state.version && state.version !== shown.version) {
    shown.version = state.version;
    at("curves").src = `curves.svg?of=${state.version}`;
    at("plotted").hidden = false;
  }
}

async function look() {
  try {
    const answer = await fetch("state.json");
    show(await answer.json());
    shown.misses = 0;
  } catch {
    shown.misses += 1;
    if (shown.misses > 1) at("said").textContent = "nothing answers: the training has ended or was stopped; what is here is the last of it";
  }
  setTimeout(look, EVERY_MS);
}

look();
