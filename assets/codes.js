// The codes of an utterance (demos/voice/code_strip.py) as a strip between two spectrograms, on one canvas so that they
// share their pixels. Runs of one code are selected and rearranged; the server says anew what that changed. Runs,
// after player.js, as the body of a function with Gradio's arguments element, trigger, props and watch.

const root = element.querySelector(".codes");
root.insertAdjacentHTML("beforeend", `
  <div class="codes-bar">
    <button type="button" class="codes-play">Play</button>
    <span class="codes-group" role="group" aria-label="Edit the selected codes">
      <button type="button" class="codes-drop">Drop</button>
      <button type="button" class="codes-repeat">Repeat</button>
      <button type="button" class="codes-stretch">Stretch</button>
      <button type="button" class="codes-swap">Swap with next</button>
    </span>
    <button type="button" class="codes-undo">Undo</button>
    <button type="button" class="codes-reset">Start over</button>
    <span class="codes-group" role="group" aria-label="Zoom">
      <button type="button" class="codes-narrow" aria-label="Zoom out">−</button>
      <button type="button" class="codes-wide" aria-label="Zoom in">+</button>
    </span>
  </div>
  <div class="codes-view"><div class="codes-track"><canvas tabindex="0" role="application"></canvas></div></div>
  <p class="codes-said" role="status"></p>
  <details class="codes-book"><summary></summary><div class="codes-all" role="group" aria-label="Codebook"></div></details>`);

const find = (name) => root.querySelector(`.codes-${name}`);
const canvas = root.querySelector("canvas");
const pen = canvas.getContext("2d");
const rows = { source: [0, 96], strip: [104, 32], result: [144, 96] }; // top and height of each
const HEIGHT = 240, LEAST_WIDTH = 3, MOST_WIDTH = 24; // pixels; of a code

let view = null; // the payload on show, its pictures decoded
let runs = []; // of the order { code, first, stop }, in places
let selected = null; // [first, last] of runs
let marked = null; // the code that is looked at in the codebook
let undo = []; // orders before each edit
let busy = false;
let width = 0; // of a code, in pixels; 0 fits all of them
let waiting = null; // the request whose sound is to be played

// ---- what is said, in runs of one code ---------------------------------------------------------------------------

const codeAt = (place) => view.codes[view.order[place]];
const length = () => view.order.length;

function findRuns() {
  runs = [];
  for (let place = 0; place < length(); place += 1) {
    const last = runs.at(-1), code = codeAt(place);
    if (last?.code === code) last.stop = place + 1;
    else runs.push({ code, first: place, stop: place + 1 });
  }
}

const span = () => selected && [runs[selected[0]].first, runs[selected[1]].stop];
const counts = () => view.order.reduce((all, number) => all.set(view.codes[number], (all.get(view.codes[number]) ?? 0) + 1), new Map());
const seconds = (place) => (place * view.seconds).toFixed(2);

function rearrange(change) {
  const ends = span();
  if (!ends || busy) return;
  const order = change(view.order, ...ends);
  if (order) ask(order, [...undo, view.order]);
}

function ask(order, steps) {
  busy = true;
  undo = steps;
  trigger("edit", { order });
  refresh();
}

const edits = {
  drop: (order, first, stop) => [...order.slice(0, first), ...order.slice(stop)],
  repeat: (order, first, stop) => [...order.slice(0, stop), ...order.slice(first)],
  stretch: (order, first, stop) => [...order.slice(0, first), ...order.slice(first, stop).flatMap((n) => [n, n]), ...order.slice(stop)],
  swap: (order, first, stop) => {
    const next = runs[selected[1] + 1];
    return next && [...order.slice(0, first), ...order.slice(next.first, next.stop), ...order.slice(first, stop), ...order.slice(next.stop)];
  },
};
for (const [name, edit] of Object.entries(edits)) find(name).onclick = () => rearrange(edit);
find("undo").onclick = () => undo.length && !busy && ask(undo.at(-1), undo.slice(0, -1));
find("reset").onclick = () => !busy && ask(view.codes.map((_, n) => n), [...undo, view.order]);

// ---- sound ---------------------------------------------------------------------------------------------------------

function stop() {
  silence();
  if (page.playing === stop) page.playing = null;
  refresh();
}

function playSpan() {
  if (voice) return stop();
  const [first, last] = span() ?? [0, length()];
  const at = first * view.seconds;
  play(view.audio.url, { at }, { at, long: (last - first) * view.seconds });
}
find("play").onclick = () => view && playSpan();

function move() {
  if (!root.isConnected) return silence();
  draw();
  if (voice) requestAnimationFrame(move);
}

function hear(code) {
  waiting = `${code} ${Date.now()}`;
  trigger("hear", { code, request: waiting });
}

function answer() {
  const heard = props.heard;
  if (!heard || heard.request !== waiting) return;
  waiting = null;
  if (heard.audio) play(heard.audio, {});
}

// ---- what is seen --------------------------------------------------------------------------------------------------

const shownWidth = () => find("view").clientWidth;
const perCode = () => (width || Math.max(LEAST_WIDTH, shownWidth() / length()));
const colour = (name) => getComputedStyle(root).getPropertyValue(`--${name}`).trim();

function draw() {
  if (!view || !shownWidth()) return;
  const ratio = window.devicePixelRatio || 1, each = perCode(), wide = shownWidth();
  find("track").style.width = `${Math.max(wide, Math.ceil(each * length()))}px`;
  canvas.style.width = `${wide}px`;
  canvas.width = Math.round(wide * ratio);
  canvas.height = Math.round(HEIGHT * ratio);
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  const left = find("view").scrollLeft, first = Math.floor(left / each), stop = Math.min(length(), Math.ceil((left + wide) / each));
  pen.save();
  pen.translate(-left, 0);
  drawPictures(each, first, stop);
  drawCodes(each, first, stop);
  drawHead(each);
  pen.restore();
  drawNames();
}

function drawPictures(each, first, stop) {
  const { source, result } = view.pictures, whole = source.width / view.codes.length, own = result.width / length();
  pen.drawImage(result, first * own, 0, (stop - first) * own, result.height, first * each, rows.result[0], (stop - first) * each, rows.result[1]);
  for (let place = first; place < stop; ) { // consecutive codes at once
    let end = place + 1;
    while (end < stop && view.order[end] === view.order[end - 1] + 1) end += 1;
    pen.drawImage(source, view.order[place] * whole, 0, (end - place) * whole, source.height, place * each, rows.source[0], (end - place) * each, rows.source[1]);
    place = end;
  }
}

function drawCodes(each, first, stop) {
  const [top, height] = rows.strip, ends = span();
  for (const run of runs) {
    if (run.stop <= first || run.first >= stop) continue;
    pen.globalAlpha = marked === null || marked === run.code ? 1 : 0.2;
    pen.fillStyle = view.colours[run.code];
    pen.fillRect(run.first * each, top, Math.max(1, (run.stop - run.first) * each - (each > 4 ? 1 : 0.5)), height);
  }
  pen.globalAlpha = 1;
  if (!ends) return;
  pen.fillStyle = colour("amber-soft");
  pen.fillRect(ends[0] * each, 0, (ends[1] - ends[0]) * each, HEIGHT);
  pen.strokeStyle = colour("amber");
  pen.lineWidth = 2;
  pen.strokeRect(ends[0] * each, top - 2, (ends[1] - ends[0]) * each, height + 4);
}

function drawHead(each) {
  if (voice?.at === undefined) return;
  const at = (voice.at + context().currentTime - voice.from) / view.seconds;
  pen.fillStyle = "#fff";
  for (const [top, height] of [rows.source, rows.result]) pen.fillRect(at * each - 1, top, 2, height);
}

function drawNames() {
  pen.font = `12px ${getComputedStyle(root).fontFamily}`;
  pen.textBaseline = "top";
  for (const [name, [top]] of [["Source", rows.source], [view.voice, rows.result]]) {
    pen.fillStyle = "rgb(0 0 4 / 62%)";
    pen.fillRect(4, top + 4, pen.measureText(name).width + 12, 20);
    pen.fillStyle = "#fff";
    pen.fillText(name, 10, top + 8);
  }
}

function tell(text) {
  find("said").textContent = text;
}

function describe(run) {
  const times = counts().get(run.code);
  return `Code ${run.code}, ${seconds(run.first)} to ${seconds(run.stop)} s, ${times} of the ${length()} codes here`;
}

function refresh() {
  root.classList.toggle("filled", !!view);
  root.classList.toggle("busy", busy);
  if (!view) return;
  const none = !selected || busy;
  for (const name of ["drop", "repeat", "stretch"]) find(name).disabled = none;
  find("swap").disabled = none || selected[1] + 1 >= runs.length;
  find("undo").disabled = busy || !undo.length;
  find("reset").disabled = busy || view.order.every((number, place) => number === place) && length() === view.codes.length;
  find("play").textContent = voice ? "Stop" : selected ? "Play selection" : "Play";
  canvas.setAttribute("aria-label", `${length()} codes of what is said, in ${runs.length} runs. Arrow keys select a run, with Shift more of them, Space plays it, Delete drops it, H lets a code be heard by itself.`);
  draw();
}

function select(first, last, told = true) {
  selected = first === null ? null : [Math.min(first, last), Math.max(first, last)];
  if (selected && told) tell(selected[0] === selected[1] ? describe(runs[first]) : `${selected[1] - selected[0] + 1} runs, ${seconds(span()[0])} to ${seconds(span()[1])} s`);
  refresh();
}

function comeIntoView() { // of the strip itself
  const [first, stop] = span(), each = perCode(), box = find("view");
  if (first * each < box.scrollLeft) box.scrollLeft = first * each - 24;
  else if (stop * each > box.scrollLeft + box.clientWidth) box.scrollLeft = stop * each - box.clientWidth + 24;
}

// ---- the codebook --------------------------------------------------------------------------------------------------

function buildBook() {
  const said = counts(), all = view.colours.map((_, code) => code);
  root.querySelector("summary").textContent = `Codebook: ${said.size} of ${all.length} codes are said here`;
  const often = all.sort((a, b) => (said.get(b) ?? 0) - (said.get(a) ?? 0) || a - b);
  find("all").replaceChildren(...often.map((code) => {
    const times = said.get(code) ?? 0, swatch = document.createElement("button");
    Object.assign(swatch, { type: "button", disabled: !times, textContent: times || "" });
    swatch.style.setProperty("--own", view.colours[code]);
    swatch.setAttribute("aria-label", `Code ${code}, ${times ? `said ${times} times: hear it` : "not said here"}`);
    swatch.title = `Code ${code}`;
    swatch.onmouseenter = swatch.onfocus = () => mark(code);
    swatch.onmouseleave = swatch.onblur = () => mark(null);
    swatch.onclick = () => hear(code);
    return swatch;
  }));
}

function mark(code) {
  marked = code;
  if (code !== null) tell(`Code ${code}, ${counts().get(code) ?? 0} of the ${length()} codes here; a click lets it be heard by itself`);
  draw();
}

// ---- hands ---------------------------------------------------------------------------------------------------------

function runAt(event) {
  const place = Math.floor((event.offsetX + find("view").scrollLeft) / perCode());
  return runs.findIndex((run) => place >= run.first && place < run.stop);
}

let grip = null; // the run where a drag began
canvas.onpointerdown = (event) => {
  const run = view && event.button === 0 ? runAt(event) : -1;
  if (run < 0) return select(null);
  grip = event.shiftKey && selected ? selected[0] : run;
  if (event.pointerType === "mouse") canvas.setPointerCapture(event.pointerId);
  select(grip, run);
};
canvas.onpointermove = (event) => {
  const run = view ? runAt(event) : -1;
  if (run < 0) return;
  if (grip === null) return tell(describe(runs[run]));
  if (event.pointerType === "mouse") select(grip, run);
};
canvas.onpointerup = canvas.onpointercancel = () => { grip = null; };
canvas.ondblclick = () => selected && hear(runs[selected[0]].code);

canvas.onkeydown = (event) => {
  if (!view || event.ctrlKey || event.metaKey || event.altKey) return;
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  const act = { " ": playSpan, Delete: () => find("drop").click(), Escape: () => select(null), h: () => selected && hear(runs[selected[0]].code) }[event.key];
  if (step) walk(step, event.shiftKey);
  else if (act) act();
  else return;
  event.preventDefault();
};

function walk(step, further) {
  const [first, last] = selected ?? [-1, -1];
  const next = Math.max(0, Math.min(runs.length - 1, (step > 0 ? last : first) + step));
  if (!further || !selected) select(next, next);
  else select(step > 0 ? first : next, step > 0 ? next : last);
  comeIntoView();
}

function zoom(factor) {
  const middle = (find("view").scrollLeft + shownWidth() / 2) / perCode();
  width = Math.min(MOST_WIDTH, Math.max(shownWidth() / length(), LEAST_WIDTH, perCode() * factor));
  draw();
  find("view").scrollLeft = middle * perCode() - shownWidth() / 2;
  draw();
}
find("narrow").onclick = () => view && zoom(1 / 1.5);
find("wide").onclick = () => view && zoom(1.5);
find("view").onscroll = draw;

// ---- what arrives from the server ------------------------------------------------------------------------------------

let arrivals = 0; // payloads; one whose pictures are decoded late is dropped

async function decode(address) {
  const image = new Image();
  image.src = address;
  await image.decode();
  return image;
}

async function show() {
  const arrival = ++arrivals, value = props.value;
  if (!value) { stop(); view = selected = null; refresh(); return; }
  const [source, result] = await Promise.all([decode(value.source), decode(value.result)]);
  if (arrival !== arrivals) return;
  if (view?.key !== value.key) { silence(); undo = []; width = 0; tell("Hover over a code to know it, click it to select it, double-click it to hear it alone; Shift or dragging selects more."); }
  else if (busy) tell(`Said anew: ${value.order.length} codes, ${(value.order.length * value.seconds).toFixed(2)} s`);
  view = { ...value, pictures: { source, result } };
  for (const address of buffers.keys()) if (address !== value.audio.url) buffers.delete(address);
  selected = null;
  busy = false;
  findRuns();
  buildBook();
  root.dataset.codes = value.order.length;
  refresh();
}

function refuse() {
  busy = false;
  undo = undo.slice(0, -1);
  refresh();
}

new ResizeObserver(draw).observe(find("view"));
watch("value", show);
watch("heard", answer);
watch("refused", refuse);
show();
