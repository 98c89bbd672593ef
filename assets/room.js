// Draws the plan of the simulated room (demos/array/room_plan.py) and moves its voices. Runs as the body of a function with
// Gradio's arguments element, trigger, props and watch. Metres, x to the right, y up, the array in the middle.

const root = element.querySelector(".room");
root.innerHTML = `
  <canvas class="room-canvas" tabindex="0" role="application"></canvas>
  <span class="unseen" role="status"></span>
  <div class="room-voices" role="group" aria-label="Voices"></div>`;

const canvas = root.querySelector("canvas");
const told = root.querySelector("[role=status]"); // what keys changed
const list = root.querySelector(".room-voices");
const pen = canvas.getContext("2d");
const [wide, deep] = props.size;
const padding = 1;
const grip = 13; // radius of a voice, in pixels

let voices = [];
let chosen = 0;
let dragged = false;

const color = (name) => getComputedStyle(root).getPropertyValue(`--${name}`).trim();
const scale = () => (canvas.clientWidth - 2 * padding) / wide;
const at = ({ x, y }) => [canvas.clientWidth / 2 + x * scale(), canvas.clientHeight / 2 - y * scale()];
const degrees = ({ x, y }) => Math.round((Math.atan2(y, x) * 180 / Math.PI + 360) % 360);

function draw() {
  if (!canvas.clientWidth) return;
  const ratio = window.devicePixelRatio || 1;
  canvas.style.height = `${Math.round(deep * scale() + 2 * padding)}px`;
  canvas.width = Math.round(canvas.clientWidth * ratio);
  canvas.height = Math.round(canvas.clientHeight * ratio);
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.font = `12px ${getComputedStyle(root).fontFamily}`;
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  drawFloor();
  drawArray();
  voices.forEach(drawVoice);
  const said = voices.map((voice, k) => `${k + 1} at ${degrees(voice)} degrees`).join(", ");
  canvas.setAttribute("aria-label", `Room of ${wide} by ${deep} metres, voices: ${said}. Arrow keys move voice ${chosen + 1}, digits choose another.`);
}

function drawFloor() {
  const [left, top] = at({ x: -wide / 2, y: deep / 2 });
  pen.fillStyle = color("well");
  pen.fillRect(left, top, wide * scale(), deep * scale());
  pen.fillStyle = color("panel-edge");
  for (let x = Math.ceil(-wide / 2); x <= wide / 2; x++) {
    for (let y = Math.ceil(-deep / 2); y <= deep / 2; y++) { // a dot for every metre
      const [px, py] = at({ x, y });
      pen.fillRect(px - 1, py - 1, 2, 2);
    }
  }
  pen.strokeStyle = color("mute");
  pen.lineWidth = 1.5;
  pen.strokeRect(left, top, wide * scale(), deep * scale());
  pen.fillStyle = color("mute");
  pen.font = `11px ${getComputedStyle(root).fontFamily}`;
  for (const [angle, x, y] of [[0, wide / 2 - 0.22, 0], [90, 0, deep / 2 - 0.18], [180, -wide / 2 + 0.26, 0], [270, 0, -deep / 2 + 0.18]]) {
    pen.fillText(`${angle}°`, ...at({ x, y }));
  }
}

function drawArray() {
  const [x, y] = at({ x: 0, y: 0 });
  pen.strokeStyle = color("ink");
  pen.lineWidth = 1.25;
  pen.beginPath();
  pen.arc(x, y, 9, 0, 2 * Math.PI);
  pen.stroke();
  pen.fillStyle = color("ink");
  pen.beginPath();
  pen.arc(x, y, 2, 0, 2 * Math.PI);
  pen.fill();
}

function drawVoice(voice, k) {
  const [x, y] = at(voice);
  const [cx, cy] = at({ x: 0, y: 0 });
  pen.strokeStyle = color(`voice-${k}`);
  pen.globalAlpha = 0.45;
  pen.lineWidth = 1;
  pen.beginPath();
  pen.moveTo(cx, cy);
  pen.lineTo(x, y);
  pen.stroke();
  pen.globalAlpha = 1;
  if (k === chosen) {
    pen.strokeStyle = color("amber");
    pen.lineWidth = 2;
    pen.beginPath();
    pen.arc(x, y, grip + 3, 0, 2 * Math.PI);
    pen.stroke();
  }
  pen.fillStyle = color(`voice-${k}`);
  pen.beginPath();
  pen.arc(x, y, grip, 0, 2 * Math.PI);
  pen.fill();
  pen.fillStyle = "#fff";
  pen.font = `600 13px ${getComputedStyle(root).fontFamily}`;
  pen.fillText(k + 1, x, y + 0.5);
}

// ---- the list of voices ----------------------------------------------------------------------------------------

function build() {
  list.replaceChildren(...voices.map((voice, k) => {
    const row = document.createElement("span");
    row.className = "room-voice";
    row.style.setProperty("--own", `var(--voice-${k})`);
    const dot = Object.assign(document.createElement("i"), { textContent: k + 1 });
    const said = Object.assign(document.createElement("select"), { onchange: () => say(k, said.value) });
    said.setAttribute("aria-label", `What voice ${k + 1} says`);
    said.append(...props.speech.map(([value, text]) => new Option(text, value, false, value === voice.sound)));
    row.append(dot, said);
    if (voices.length > 1) {
      const gone = Object.assign(document.createElement("button"), { type: "button", textContent: "×", onclick: () => remove(k) });
      gone.setAttribute("aria-label", `Take voice ${k + 1} away`);
      row.append(gone);
    }
    return row;
  }));
  if (voices.length < props.most) {
    list.append(Object.assign(document.createElement("button"), { type: "button", className: "room-add", textContent: "Add a voice", onclick: add }));
  }
  root.dataset.voices = voices.length;
}

function say(k, sound) {
  voices[k] = { ...voices[k], sound };
  done();
}

function add() {
  const used = voices.map((voice) => voice.sound);
  const sound = (props.speech.find(([value]) => !used.includes(value)) ?? props.speech[0])[0];
  voices.push({ ...freest(), sound });
  chosen = voices.length - 1;
  build();
  done();
}

function freest() { // in the middle of the widest gap between voices
  const angles = voices.map((voice) => Math.atan2(voice.y, voice.x)).sort((a, b) => a - b);
  const gaps = angles.map((angle, k) => [(angles[k + 1] ?? angles[0] + 2 * Math.PI) - angle, angle]);
  const [gap, angle] = gaps.sort((a, b) => b[0] - a[0])[0];
  return inside({ x: 1.4 * Math.cos(angle + gap / 2), y: 1.4 * Math.sin(angle + gap / 2) });
}

function remove(k) {
  voices.splice(k, 1);
  chosen = Math.min(chosen, voices.length - 1);
  build();
  done();
}

// ---- hands -----------------------------------------------------------------------------------------------------

function inside({ x, y }) {
  const distance = Math.hypot(x, y) || 1e-6;
  const away = Math.max(1, props.nearest / distance);
  const clamp = (value, side) => Math.max(-side / 2 + props.wall, Math.min(value, side / 2 - props.wall));
  return { x: clamp(x * away, wide), y: clamp(y * away, deep) };
}

function move(k, place) {
  voices[k] = { ...voices[k], ...inside(place) };
  root.dataset.angles = voices.map(degrees).join();
  window.dispatchEvent(new CustomEvent("resound-room", { detail: voices })); // a live view follows while it is dragged
  draw();
}

function done() {
  root.dataset.angles = voices.map(degrees).join();
  window.dispatchEvent(new CustomEvent("resound-room", { detail: voices }));
  trigger("edit", { voices });
  draw();
}

function placeOf(event) {
  return { x: (event.offsetX - canvas.clientWidth / 2) / scale(), y: (canvas.clientHeight / 2 - event.offsetY) / scale() };
}

function under(event) {
  const distances = voices.map((voice) => Math.hypot(at(voice)[0] - event.offsetX, at(voice)[1] - event.offsetY));
  const nearest = distances.indexOf(Math.min(...distances));
  return distances[nearest] < 2 * grip ? nearest : -1;
}

canvas.onpointerdown = (event) => {
  const k = under(event);
  if (k < 0 || event.button !== 0) return;
  chosen = k;
  dragged = true;
  canvas.setPointerCapture(event.pointerId);
  event.preventDefault();
  canvas.focus({ preventScroll: true });
  draw();
};
canvas.onpointermove = (event) => {
  if (dragged) move(chosen, placeOf(event));
  else canvas.style.cursor = under(event) < 0 ? "default" : "grab";
};
canvas.onpointerup = canvas.onpointercancel = () => {
  if (dragged) done();
  dragged = false;
};
// a finger on a voice drags it, elsewhere it scrolls the page
canvas.addEventListener("touchstart", (event) => {
  const box = canvas.getBoundingClientRect();
  const [touch] = event.touches;
  if (under({ offsetX: touch.clientX - box.left, offsetY: touch.clientY - box.top }) >= 0) event.preventDefault();
}, { passive: false });

canvas.onkeydown = (event) => {
  const steps = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, 0.1], ArrowDown: [0, -0.1] }[event.key];
  const number = Number(event.key) - 1;
  if (voices[number]) { chosen = number; tell(); draw(); }
  else if (steps) { move(chosen, { x: voices[chosen].x + steps[0], y: voices[chosen].y + steps[1] }); moved = true; }
  else return;
  event.preventDefault();
};
let moved = false;
canvas.onkeyup = () => {
  if (moved) { tell(); done(); }
  moved = false;
};

function tell() {
  const { x, y } = voices[chosen];
  told.textContent = `Voice ${chosen + 1} at ${degrees(voices[chosen])} degrees, ${Math.hypot(x, y).toFixed(1)} metres away`;
}

// ---- what arrives from the server ------------------------------------------------------------------------------

function show() {
  voices = props.value.voices.map((voice) => ({ ...voice }));
  chosen = Math.min(chosen, voices.length - 1);
  root.dataset.angles = voices.map(degrees).join();
  build();
  draw();
}

new ResizeObserver(draw).observe(canvas);
new MutationObserver(draw).observe(document.body, { attributes: true, attributeFilter: ["class"] });
watch("value", show);
show();
