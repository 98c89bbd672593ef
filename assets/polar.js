// Directions around an array (demos/array/polar.py): what arrives, words, hands. Runs, after live.js and
// polar_drawing.js, as the body of a function with Gradio's arguments element, trigger, props and watch.

const root = element.querySelector(".polar");
root.innerHTML = `
  <div class="polar-bar">
    <button type="button" class="polar-listen" aria-pressed="false">Listen live</button>
    <button type="button" class="polar-sound" aria-pressed="true" hidden>Sound</button>
    <span class="polar-facts"></span>
  </div>
  <div class="polar-stage">
    <canvas class="polar-canvas" tabindex="0" role="application"></canvas>
    <span class="polar-told unseen" role="status"></span>
    <div class="polar-side">
      <ol class="polar-list"></ol>
      <p class="polar-hint"></p>
    </div>
  </div>
  <div class="polar-steps" hidden>
    <button type="button" class="polar-replay">Replay</button>
    <input type="range" min="0" step="1" aria-label="Looks of the search">
    <span></span>
  </div>
  <p class="polar-message" role="status" hidden></p>`;

const find = (name) => root.querySelector(`.polar-${name}`);
const canvas = find("canvas");
const slider = find("steps").querySelector("input");
const pen = canvas.getContext("2d");

const QUIET_DB = -70;

let value = null; // the payload on show
let view = null; // of a live view
let looks = []; // steps of a run so far
let shown = null; // number of the step that is shown; null at the end of a run
let beam = null; // the direction of the beamformer, or that of the arrow keys
let hover = null;
let live = null; // the connection of a live view
let muted = false;
let times = []; // of the last updates
let appeared = 0; // time of the newest windows
let replaying = null;

// ---- the live view ----------------------------------------------------------------------------------------------

function listen() {
  view = null;
  times = [];
  say("");
  live = new Live({ ...value, muted, take, over: end });
  refresh();
}

function take(moment) {
  if (!root.isConnected) return end("");
  if (moment.array) value = { ...value, array: moment.array };
  say(moment.message || value.array.note || "");
  if (moment.energy) {
    view = { ...moment, energy: unpack(moment.energy) };
    times = [...times.slice(-30), performance.now()];
    root.dataset.updates = +root.dataset.updates + 1;
    root.dataset.sources = moment.sources.map((source) => Math.round(source.angle)).join();
  }
  refresh();
}

function end(message) {
  live?.close();
  live = null;
  say(message);
  refresh();
}

// ---- words ------------------------------------------------------------------------------------------------------

const decibels = (level) => `${Math.round(level)} dB`.replace("-", "\u2212");

function say(message) {
  if (find("message").textContent === message) return; // read out once
  find("message").textContent = message;
  find("message").hidden = !message;
}

function facts() {
  if (value.kind !== "live" || !view) return "";
  const span = (times.at(-1) - times[0]) / 1000;
  const rate = times.length > 10 ? `${((times.length - 1) / span).toFixed(1)} updates/s` : "";
  const clock = `${Math.floor(view.seconds / 60)}:${String(Math.floor(view.seconds % 60)).padStart(2, "0")}`;
  const lost = view.losses ? `samples lost ${view.losses} times${view.lost ? `, ${view.lost} in all` : ""}` : "nothing lost";
  return [clock, rate, decibels(view.level), lost].filter(Boolean).join(" · ");
}

function entries() {
  if (value.kind === "live") return view?.sources ?? [];
  return value.kind === "found" ? value.voices : [];
}

function refreshList() {
  const rows = entries();
  while (find("list").children.length > rows.length) find("list").lastChild.remove();
  while (find("list").children.length < rows.length) {
    const row = document.createElement("li");
    row.innerHTML = `<i></i><b></b><span></span><u><s></s></u><em></em>`;
    find("list").append(row);
  }
  const unsure = rows.some(({ confidence }) => confidence < 1);
  rows.forEach((voice, k) => {
    const { number, angle, level, confidence } = voice;
    const row = find("list").children[k];
    const [dot, where, loud, meter, sure] = row.children;
    row.classList.toggle("doubtful", doubtful(voice));
    sure.textContent = unsure ? `${Math.round(100 * confidence)}% sure` : "";
    row.style.setProperty("--own", `var(--voice-${(number - 1) % COLORS})`);
    dot.textContent = number;
    where.textContent = `${Math.round(angle) % 360}°`;
    loud.textContent = decibels(level);
    meter.firstChild.style.width = `${Math.max(0, Math.min(1, 1 - level / QUIET_DB)) * 100}%`;
  });
}

function hint() {
  const truth = value.kind === "found" && value.truth.length ? " Triangles mark where the voices are." : "";
  find("hint").textContent = hover === null ? `Click a direction to listen to it alone.${truth}` : `Listen to ${hover}°`;
}

function refreshSteps() {
  const there = value.kind === "found" && looks.length > 1;
  find("steps").hidden = !there;
  if (!there) return;
  slider.max = looks.length;
  slider.value = shown ?? looks.length;
  find("steps").querySelector("span").textContent = shown === null ? "Found" : described(looks[shown]);
}

function described({ stage, chunk, chunks }) {
  const part = chunks > 1 ? `Part ${chunk + 1} of ${chunks}` : "";
  const width = stage ? `windows of ${+stage.width.toFixed(1)}°` : "map";
  return [part, width].filter(Boolean).join(", ");
}

function refresh() {
  root.dataset.kind = value.kind;
  root.dataset.live = live ? "yes" : "no";
  root.dataset.beam = beam ?? "";
  root.dataset.least = props.least;
  root.dataset.counting = entries().filter((voice) => !doubtful(voice)).map(({ number }) => number).join();
  find("listen").textContent = live ? "Stop listening" : "Listen live";
  find("listen").setAttribute("aria-pressed", !!live);
  find("sound").hidden = !live?.sound;
  find("sound").setAttribute("aria-pressed", !muted);
  find("facts").textContent = facts();
  canvas.setAttribute("aria-label", `Directions around the array ${value.array.name}. Arrow keys turn, Enter listens.`);
  hint();
  refreshList();
  refreshSteps();
  draw();
}

// ---- what arrives from the server -------------------------------------------------------------------------------

function show() {
  const next = props.value;
  if (!next) return;
  if (live) end("");
  clearInterval(replaying);
  const same = value?.key && value.key === next.key;
  if (!same) { looks = []; say(""); }
  if (next.kind === "rest") beam = null;
  value = next;
  shown = null;
  if (next.kind === "live") return listen();
  if (next.kind === "look") looks.push(next.look);
  if (next.kind === "found") looks = next.looks;
  root.dataset.looks = looks.length;
  appeared = performance.now();
  refresh();
}

// ---- hands ------------------------------------------------------------------------------------------------------

find("listen").onclick = () => (live ? end("") : trigger("listen"));
find("sound").onclick = () => { muted = !muted; if (live?.sound) live.sound.muted = muted; refresh(); };

slider.oninput = () => go(+slider.value);
function go(number) {
  shown = number >= looks.length ? null : number;
  appeared = performance.now();
  refresh();
}

find("steps").querySelector("button").onclick = () => {
  clearInterval(replaying);
  go(0);
  replaying = setInterval(() => {
    if (shown === null || !root.isConnected) return clearInterval(replaying);
    go(shown + 1);
  }, 450);
};

function angleOf(event) {
  const [x, y] = [event.offsetX - size() / 2, size() / 2 - event.offsetY];
  const distance = Math.hypot(x, y);
  if (distance < inner() || distance > outer() + MARGIN) return null;
  return Math.round(Math.atan2(y, x) * 180 / Math.PI + 360) % 360;
}

function choose(angle) {
  beam = angle;
  refresh();
  trigger("select", { angle });
}

canvas.onpointermove = (event) => {
  hover = angleOf(event);
  canvas.style.cursor = hover === null ? "default" : "pointer";
  hint();
  if (!live) draw();
};
canvas.onpointerleave = () => { hover = null; hint(); draw(); };
canvas.onclick = (event) => { const angle = angleOf(event); if (angle !== null) choose(angle); };
canvas.onkeydown = (event) => {
  const turn = { ArrowLeft: 5, ArrowUp: 5, ArrowRight: -5, ArrowDown: -5 }[event.key];
  if (turn) {
    beam = ((beam ?? 0) + turn + 360) % 360;
    find("told").textContent = `${beam} degrees`;
    refresh();
  }
  else if (event.key === "Enter" && beam !== null) choose(beam);
  else return;
  event.preventDefault();
};

window.addEventListener("resound-room", ({ detail }) => live?.move(detail));
new ResizeObserver(draw).observe(canvas);
new MutationObserver(draw).observe(document.body, { attributes: true, attributeFilter: ["class"] });
watch("value", show);
watch("least", refresh);
show();
