// The code streams of a separation (demos/separation/streams.py): two strips of codes, the likelihood of each pair, where
// samples disagree, on one time axis. Runs, after ticks.js, as the body of a function with Gradio's arguments element, trigger,
// props and watch.

const root = element.querySelector(".streams");
root.insertAdjacentHTML("beforeend", `
  <div class="streams-stage" tabindex="0" role="application" aria-roledescription="plot">
    <figure class="streams-first"><figcaption></figcaption><canvas></canvas></figure>
    <figure class="streams-second"><figcaption></figcaption><canvas></canvas></figure>
    <figure class="streams-fit"><figcaption></figcaption><canvas></canvas></figure>
    <figure class="streams-apart"><figcaption></figcaption><canvas></canvas></figure>
    <canvas class="streams-axis" aria-label="Seconds"></canvas>
    <i class="streams-cursor" hidden></i>
  </div>
  <p class="streams-said" aria-live="polite"></p>
  <div class="streams-samples" role="group" aria-label="Samples of the posterior"></div>`);

const find = (name) => root.querySelector(`.streams-${name}`);
const canvasOf = (name) => find(name).querySelector("canvas");
const stage = find("stage"), cursor = find("cursor");
const margin = { left: 36, right: 8 }; // as of the players', whose time axis this is
const tall = { strip: 24, curve: 64, axis: 20 };
const FAR = 16; // codes that an arrow key passes with Shift
const HINT = "Point at the streams, or use the arrow keys, to read them.";

let view = null; // the payload on show, unpacked
let looked = null; // the step that is looked at

const color = (name) => getComputedStyle(root).getPropertyValue(`--${name}`).trim();
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
const width = () => stage.clientWidth - margin.left - margin.right;
const steps = () => Math.round(view.seconds / view.step_seconds);
const drawn = () => view.likelihoods.length;
const xOf = (seconds) => margin.left + (seconds / view.seconds) * width();

function unpack(text, Kind) {
  return new Kind(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer);
}

// ---- what is seen --------------------------------------------------------------------------------------------------

function penOf(canvas, height) {
  const scale = window.devicePixelRatio || 1, pen = canvas.getContext("2d");
  canvas.style.height = `${height}px`;
  canvas.width = Math.round(stage.clientWidth * scale);
  canvas.height = Math.round(height * scale);
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.font = `11px ${getComputedStyle(root).fontFamily}`;
  pen.fillStyle = color("well");
  return pen;
}

function draw() {
  if (!view || !stage.clientWidth) return;
  ["first", "second"].forEach((name, source) => drawStrip(canvasOf(name), view.codes[source]));
  drawFit();
  if (view.disagreement) drawApart();
  drawSeconds();
  moveCursor();
}

function drawStrip(canvas, codes) {
  const pen = penOf(canvas, tall.strip);
  pen.fillRect(margin.left, 0, width(), tall.strip);
  const step = 1 / (window.devicePixelRatio || 1); // a column shows the code in its middle: colours must not mix
  const end = width() * (codes.length / steps());
  for (let x = 0; x < end; x += step) {
    pen.fillStyle = view.colours[codes[Math.min(codes.length - 1, Math.floor(((x + step / 2) / width()) * steps()))]];
    pen.fillRect(margin.left + x, 0, Math.min(step, end - x), tall.strip);
  }
}

function* means(values) { // [middle in steps, mean] over about two pixels each
  const each = Math.max(1, Math.round((2 * steps()) / width()));
  for (let from = 0; from < values.length; from += each) {
    const part = values.subarray(from, from + each);
    yield [from + part.length / 2, part.reduce((sum, value) => sum + value, 0) / part.length];
  }
}

function drawFit() {
  const pen = penOf(canvasOf("fit"), tall.curve), low = view.lowest, high = tall.curve - 4;
  pen.fillRect(margin.left, 0, width(), tall.curve);
  drawScale(pen, "0", `${low}`.replace("-", "−"));
  pen.beginPath();
  for (const [at, value] of means(view.likelihoods)) pen.lineTo(xOf(at * view.step_seconds), 2 + Math.min(1, value / low) * high);
  pen.strokeStyle = color("amber");
  pen.lineWidth = 1.5;
  pen.lineJoin = "round";
  pen.stroke();
}

function drawApart() {
  const pen = penOf(canvasOf("apart"), tall.curve), last = view.disagreement.length - 1;
  pen.fillRect(margin.left, 0, width(), tall.curve);
  drawScale(pen, "50 %", "0");
  pen.beginPath();
  pen.moveTo(margin.left, tall.curve);
  view.disagreement.forEach((value, n) => pen.lineTo(margin.left + (n / last) * width(), (1 - value / 0.5) * tall.curve));
  pen.lineTo(margin.left + width(), tall.curve);
  pen.fillStyle = color("mute");
  pen.fill();
}

function drawScale(pen, top, bottom) {
  pen.fillStyle = color("mute");
  pen.textAlign = "right";
  pen.textBaseline = "top";
  pen.fillText(top, margin.left - 6, 1);
  pen.textBaseline = "bottom";
  pen.fillText(bottom, margin.left - 6, tall.curve - 1);
}

function drawSeconds() {
  const pen = penOf(find("axis"), tall.axis), from = view.offset, to = from + view.seconds;
  const step = niceStep(view.seconds, Math.max(2, Math.floor(width() / 72)));
  pen.fillStyle = color("mute");
  pen.textBaseline = "middle";
  pen.textAlign = "center";
  for (let tick = Math.ceil(from / step - 1e-6) * step; tick <= to; tick += step) {
    const x = xOf(tick - from);
    if (x > margin.left + width() - 28) break;
    pen.fillRect(Math.round(x), 0, 1, 4);
    pen.fillText(`${+tick.toFixed(3)}`, x, 12);
  }
  pen.textAlign = "right";
  pen.fillText("s", margin.left + width(), 12);
}

function moveCursor() {
  cursor.hidden = looked === null;
  if (looked !== null) cursor.style.left = `${xOf((looked + 0.5) * view.step_seconds)}px`;
}

// ---- what is read --------------------------------------------------------------------------------------------------

function describe(step) {
  const [first, second] = view.codes, value = view.likelihoods[step].toFixed(1).replace("-", "−");
  const apart = view.disagreement?.[Math.round((step / (steps() - 1)) * (view.disagreement.length - 1))];
  const spread = apart === undefined ? "" : `; samples disagree by ${Math.round(100 * apart)} %`;
  const at = (view.offset + step * view.step_seconds).toFixed(2);
  return `${at} s: ${view.names[0]} code ${first[step]}, ${view.names[1]} code ${second[step]}, ${value} nats${spread}`;
}

function look(step) {
  looked = step === null ? null : clamp(step, 0, drawn() - 1);
  find("said").textContent = looked === null ? HINT : describe(looked);
  moveCursor();
}

stage.onpointermove = (event) => {
  if (!view || !drawn()) return;
  const at = ((event.clientX - stage.getBoundingClientRect().left - margin.left) / width()) * steps();
  look(at < 0 || at >= steps() ? null : Math.floor(at));
};
stage.onpointerleave = () => view && look(null);
stage.onkeydown = (event) => {
  const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (!view || !by || !drawn()) return;
  event.preventDefault();
  look(looked === null ? 0 : looked + by * (event.shiftKey ? FAR : 1));
};

function refreshSamples() {
  const list = find("samples"), held = [...list.children].indexOf(document.activeElement);
  list.hidden = !view.samples.length;
  list.replaceChildren(...view.samples.map(([name, said], number) => {
    const button = Object.assign(document.createElement("button"), { type: "button" });
    button.append(Object.assign(document.createElement("b"), { textContent: name }), said);
    button.setAttribute("aria-pressed", number === view.chosen);
    button.onclick = () => choose(number, button);
    return button;
  }));
  list.children[held]?.focus();
}

function choose(number, button) {
  if (number === view.chosen) return;
  button.setAttribute("aria-busy", true); // until its streams come
  trigger("choose", { number });
}

function caption(name, text) {
  const [words, canvas] = find(name).children;
  words.textContent = text;
  canvas.setAttribute("aria-label", text);
}

function refresh() {
  root.classList.toggle("filled", !!view);
  if (!view) return;
  caption("first", `${view.names[0]}, codes`);
  caption("second", `${view.names[1]}, codes`);
  caption("fit", "Log-likelihood of the pair, nats");
  caption("apart", `Where samples disagree: spread of the share of ${view.names[0]}`);
  find("apart").hidden = !view.disagreement;
  stage.setAttribute("aria-label", `${drawn()} of ${steps()} pairs of codes of ${view.names.join(" and ")}. Arrow keys read them.`);
  look(looked);
  refreshSamples();
  draw();
}

// ---- what arrives from the server ------------------------------------------------------------------------------------

function show() {
  const value = props.value;
  if (value?.key !== view?.key) looked = null;
  view = value && {
    ...value,
    codes: value.codes.map((codes) => unpack(codes, Uint16Array)),
    likelihoods: unpack(value.likelihoods, Float32Array),
    disagreement: value.disagreement && unpack(value.disagreement, Float32Array),
  };
  refresh();
  root.dataset.updates = +root.dataset.updates + 1;
}

new ResizeObserver(draw).observe(stage);
new MutationObserver(draw).observe(document.body, { attributes: true, attributeFilter: ["class"] });
watch("value", show);
show();
