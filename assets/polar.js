// Draws directions around an array (demos/array/polar.py). Runs, after live.js, as the body of a function with
// Gradio's arguments element, trigger, props and watch. Degrees, counter-clockwise from +x.

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

const MARGIN = 34, HOLE = 0.27; // pixels around the circle, and the share of its radius that the array takes
const QUIET_DB = -70;
const COLORS = 8;
const FADE = 320; // milliseconds in which windows appear

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

// ---- drawing ----------------------------------------------------------------------------------------------------

const color = (name) => getComputedStyle(root).getPropertyValue(`--${name}`).trim();
const voiceColor = (k) => color(`voice-${k % COLORS}`);
const radians = (degrees) => degrees * Math.PI / 180;
const unpack = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
const size = () => canvas.clientWidth;
const outer = () => size() / 2 - MARGIN;
const inner = () => HOLE * outer();
const at = (degrees, radius) => [size() / 2 + radius * Math.cos(radians(degrees)), size() / 2 - radius * Math.sin(radians(degrees))];

function draw() {
  if (!value || !size()) return;
  const ratio = window.devicePixelRatio || 1;
  canvas.width = canvas.height = Math.round(size() * ratio);
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  pen.lineJoin = "round";
  drawDial();
  if (value.kind === "live") drawLive();
  else if (looks.length) drawLook();
  drawArray();
  if (hover !== null) drawRay(hover, color("mute"), 1, [3, 4]);
  if (beam !== null) drawRay(beam, color("amber"), 2, []);
  if (value.kind === "found" && shown === null) drawFound();
}

function drawDial() {
  const [c, R] = [size() / 2, outer()];
  pen.fillStyle = color("well");
  disc(c, c, R);
  pen.strokeStyle = color("panel-edge");
  pen.lineWidth = 1;
  for (const share of [0.5, 0.75]) ring(R * (HOLE + (1 - HOLE) * share));
  ring(R);
  ring(inner());
  for (let angle = 0; angle < 360; angle += 30) {
    pen.beginPath();
    pen.moveTo(...at(angle, R - 5));
    pen.lineTo(...at(angle, R));
    pen.strokeStyle = color("mute");
    pen.stroke();
  }
  pen.fillStyle = color("mute");
  pen.font = `11px ${getComputedStyle(root).fontFamily}`;
  for (let angle = 0; angle < 360; angle += 30) pen.fillText(`${angle}°`, ...at(angle, R + 21));
}

function drawArray() {
  const spread = inner() * 0.5;
  pen.font = `10px ${getComputedStyle(root).fontFamily}`;
  value.array.mics.forEach(([x, y], k) => {
    const [px, py] = [size() / 2 + x * spread, size() / 2 - y * spread];
    pen.fillStyle = color("ink");
    disc(px, py, 3);
    if (value.array.mics.length > 8) return;
    const away = Math.hypot(x, y) || 1;
    pen.fillStyle = color("mute");
    pen.fillText(k, px + (x / away) * 10, py - (y / away) * 10);
  });
}

function drawLive() {
  if (!view) return;
  drawOutline(view.energy);
  for (const source of view.sources) drawTrail(source);
  for (const source of view.sources) drawBadge(source.angle, source.number, voiceColor(source.number - 1));
}

function drawOutline(shares) {
  const [R, r, step] = [outer() - 6, inner(), 360 / shares.length];
  pen.beginPath();
  shares.forEach((share, k) => pen.lineTo(...at(k * step, r + (share / 255) * (R - r))));
  pen.closePath();
  pen.moveTo(size() / 2 + r, size() / 2);
  pen.arc(size() / 2, size() / 2, r, 0, 2 * Math.PI, true);
  pen.fillStyle = color("amber-soft");
  pen.fill("evenodd");
  pen.beginPath();
  shares.forEach((share, k) => pen.lineTo(...at(k * step, r + (share / 255) * (R - r))));
  pen.closePath();
  pen.strokeStyle = color("amber");
  pen.lineWidth = 1.5;
  pen.stroke();
}

function drawTrail({ number, trail }) { // the past lies further in, and fades
  pen.fillStyle = voiceColor(number - 1);
  const depth = 0.5 * (outer() - inner());
  trail.forEach((angle, k) => {
    const age = (trail.length - 1 - k) / Math.max(trail.length - 1, 19);
    pen.globalAlpha = 0.7 * (1 - age);
    disc(...at(angle, outer() - 14 - age * depth), 4 - 2 * age);
  });
  pen.globalAlpha = 1;
}

function drawBadge(angle, text, fill) {
  const [x, y] = at(angle, outer() - 14);
  pen.fillStyle = color("panel");
  disc(x, y, 13);
  pen.fillStyle = fill;
  disc(x, y, 11);
  pen.fillStyle = "#fff";
  pen.font = `600 12px ${getComputedStyle(root).fontFamily}`;
  pen.fillText(text, x, y + 0.5);
}

function drawLook() {
  const last = shown ?? looks.length - 1;
  const look = looks[last];
  if (look.power) return drawOutline(unpack(look.power));
  if (!look.stage) return;
  const age = Math.min(1, (performance.now() - appeared) / FADE);
  for (const earlier of looks.slice(0, last + 1)) {
    if (earlier.chunk !== look.chunk || !earlier.stage) continue;
    drawStage(earlier.stage, earlier === look ? age : 1, earlier.stage.level === look.stage.level);
  }
  if (age < 1) requestAnimationFrame(draw);
}

function drawStage({ level, levels, width, windows }, alpha, newest) {
  const [r, R, c] = [inner(), outer() - 8, size() / 2];
  const [from, to] = [r + (level / levels) * (R - r) + 2, r + ((level + 1) / levels) * (R - r)];
  for (const [angle, share, kept] of windows) {
    const [begin, finish] = [-radians(angle + width / 2 - 0.4), -radians(angle - width / 2 + 0.4)];
    pen.beginPath();
    pen.arc(c, c, to, begin, finish);
    pen.arc(c, c, from, finish, begin, true);
    pen.closePath();
    pen.globalAlpha = alpha * (kept ? (newest ? 0.25 + 0.75 * share : 0.15 + 0.45 * share) : 1);
    pen.fillStyle = kept ? color("amber") : color("panel-edge");
    pen.fill();
  }
  pen.globalAlpha = 1;
}

function drawFound() {
  pen.fillStyle = color("ink");
  for (const angle of value.truth) { // a triangle that points at the rim
    const [x, y] = at(angle, outer() + 6);
    pen.beginPath();
    for (const turn of [180, 300, 60]) {
      pen.lineTo(x + 6 * Math.cos(radians(angle + turn)), y - 6 * Math.sin(radians(angle + turn)));
    }
    pen.fill();
  }
  for (const { number, angle, track } of value.voices) {
    drawTrail({ number, trail: track });
    drawRay(angle, voiceColor(number - 1), 2, []);
    drawBadge(angle, number, voiceColor(number - 1));
  }
}

function drawRay(angle, stroke, width, dash) {
  pen.strokeStyle = stroke;
  pen.lineWidth = width;
  pen.setLineDash(dash);
  pen.beginPath();
  pen.moveTo(...at(angle, inner()));
  pen.lineTo(...at(angle, outer()));
  pen.stroke();
  pen.setLineDash([]);
}

function disc(x, y, radius) {
  pen.beginPath();
  pen.arc(x, y, radius, 0, 2 * Math.PI);
  pen.fill();
}

function ring(radius) {
  pen.beginPath();
  pen.arc(size() / 2, size() / 2, radius, 0, 2 * Math.PI);
  pen.stroke();
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
    row.innerHTML = `<i></i><b></b><span></span><u><s></s></u>`;
    find("list").append(row);
  }
  rows.forEach(({ number, angle, level }, k) => {
    const row = find("list").children[k];
    const [dot, where, loud, meter] = row.children;
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
show();
