// Draws and plays the tracks of a scope (demos/page/scope.py). Runs as the body of a function with Gradio's arguments
// element, trigger, props and watch. Everything is drawn on one canvas, so waveform and spectrogram share their pixels.
// Tracks take turns, or (size "stacked") stand one under the other, sound together and are soloed and muted.

const root = element.querySelector(".scope");
const sizes = { small: { wave: 56, image: 104 }, large: { wave: 72, image: 208 }, stacked: { wave: 40, image: 120 } };
const size = sizes[props.size];
const stacked = props.size === "stacked"; // tracks stand one under the other and sound together
const margin = { left: 36, right: 8, top: stacked ? 40 : 4, gap: 8, bottom: 20 };
const rowHeight = margin.top + size.wave + margin.gap + size.image;
const heightOf = (rows) => rows * rowHeight + margin.bottom;

root.classList.add(props.selectable ? "selectable" : "plain");
root.insertAdjacentHTML("beforeend", `
  <div class="scope-bar">
    <button type="button" class="scope-play" aria-label="Play"></button>
    <div class="scope-tracks" role="group" aria-label="Track"></div>
    <span class="scope-time" aria-live="off"></span>
    <button type="button" class="scope-loop" aria-label="Loop" title="Loop"></button>
  </div>
  <div class="scope-stage">
    <canvas class="scope-canvas" tabindex="0" style="height:${heightOf(1)}px"></canvas>
  </div>
  <div class="scope-legend"><i></i><span class="scope-range"></span><span class="scope-gain" title="Peaks over full scale would be flattened. The sound itself keeps its level."></span><span class="scope-hover"></span></div>`);

const find = (name) => root.querySelector(`.scope-${name}`);
const canvas = find("canvas");
const pen = canvas.getContext("2d");
const page = (window.resound ??= { context: null, playing: null });

let view = null; // the payload on show, with decoded images and outlines
let track = 0;
let regions = [];
let draft = null; // the region that a drag draws
let position = 0; // seconds from the left edge, while paused
let loop = props.loop;
let voice = null; // { sources, gains, startedAt, offset, seconds }
const muted = new Set(), soloed = new Set(); // names of stacked tracks
let generation = 0; // playback requests; an older one that finishes late is dropped
let arrivals = 0; // payloads; likewise
const buffers = new Map(); // url -> Promise<AudioBuffer>

// ---- audio -----------------------------------------------------------------------------------------------------

function context() {
  return (page.context ??= new AudioContext());
}

function buffer(url) {
  if (!buffers.has(url)) {
    const load = fetch(url).then((reply) => reply.arrayBuffer()).then((bytes) => context().decodeAudioData(bytes));
    load.catch(() => buffers.delete(url));
    buffers.set(url, load);
  }
  return buffers.get(url);
}

function now() {
  if (!voice) return position;
  const elapsed = voice.offset + Math.max(0, context().currentTime - voice.startedAt);
  return loop ? elapsed % voice.seconds : Math.min(elapsed, voice.seconds);
}

function silence() {
  if (!voice) return;
  const { sources, gains } = voice;
  sources[0].onended = null;
  for (const gain of gains) gain.gain.setTargetAtTime(0, context().currentTime, 0.006);
  for (const source of sources) source.stop(context().currentTime + 0.05);
  voice = null;
}

const sounding = () => (stacked ? view.tracks : [view.tracks[track]]);
const audible = ({ name }) => !stacked || (soloed.size ? soloed.has(name) : !muted.has(name));

function balance() {
  const time = context().currentTime;
  voice?.gains.forEach((gain, i) => gain.gain.setTargetAtTime(audible(view.tracks[i]) ? 1 : 0, time, 0.01));
}

async function play(from) {
  const request = ++generation;
  if (page.playing && page.playing !== pause) page.playing();
  page.playing = pause;
  const audio = context();
  const tracks = sounding();
  const [sounds] = await Promise.all([Promise.all(tracks.map((item) => buffer(item.audio.url))), audio.resume()]);
  if (request !== generation) return;
  const at = from ?? now();
  silence();
  const sources = sounds.map((sound) => new AudioBufferSourceNode(audio, { buffer: sound, loop }));
  const gains = sources.map((source, i) => {
    const gain = new GainNode(audio, { gain: 0 });
    source.connect(gain).connect(audio.destination);
    gain.gain.setTargetAtTime(audible(tracks[i]) ? 1 : 0, audio.currentTime, 0.004);
    return gain;
  });
  const seconds = Math.max(...sounds.map((sound) => sound.duration));
  const offset = at >= seconds - 0.02 ? 0 : at;
  const startedAt = audio.currentTime + (stacked ? 0.02 : 0); // all at the same moment
  for (const source of sources) source.start(startedAt, offset);
  sources[0].onended = () => { voice = null; position = 0; refresh(); };
  voice = { sources, gains, offset, startedAt, seconds };
  refresh();
  tick();
}

function pause() {
  generation += 1;
  position = now();
  silence();
  if (page.playing === pause) page.playing = null;
  refresh();
}

function seek(seconds) {
  position = Math.max(0, Math.min(seconds, view.seconds));
  if (voice) play(position);
  else refresh();
}

function choose(index) {
  if (stacked) return toggle(soloed, view.tracks[index].name);
  const at = now() * (view.stretched ? view.tracks[index].seconds / view.tracks[track].seconds : 1);
  track = index;
  if (voice) play(at);
  else position = at;
  refresh();
}

function toggle(set, name) {
  if (!set.delete(name)) set.add(name);
  balance();
  refresh();
}

function tick() {
  if (!root.isConnected) { silence(); return; }
  draw();
  if (voice) requestAnimationFrame(tick);
}

// ---- drawing ---------------------------------------------------------------------------------------------------

const color = (name) => getComputedStyle(root).getPropertyValue(`--scope-${name}`).trim();
const width = () => canvas.clientWidth - margin.left - margin.right;
const xOf = (seconds) => margin.left + (seconds / view.seconds) * width();
const secondsAt = (x) => Math.max(0, Math.min(1, (x - margin.left) / width())) * view.seconds;
const imageTop = margin.top + size.wave + margin.gap;

function niceStep(span, most) {
  const power = 10 ** Math.floor(Math.log10(span / most));
  return [1, 2, 5, 10].map((digit) => digit * power).find((step) => span / step <= most);
}

function draw() {
  if (!view || !canvas.clientWidth) return;
  const scale = window.devicePixelRatio || 1;
  canvas.width = Math.round(canvas.clientWidth * scale);
  canvas.height = Math.round(heightOf(sounding().length) * scale);
  pen.font = `11px ${getComputedStyle(root).fontFamily}`;
  sounding().forEach((item, row, { length }) => {
    pen.setTransform(scale, 0, 0, scale, 0, row * rowHeight * scale);
    pen.globalAlpha = audible(item) ? 1 : 0.35;
    drawWave(item);
    drawImage(item);
    pen.globalAlpha = 1;
    drawFrequencies();
    if (row === length - 1) drawSeconds();
  });
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  for (const region of draft ? [...regions, draft] : regions) drawRegion(region);
  drawPart();
  drawPlayhead();
}

function drawWave({ outline, seconds }) {
  const middle = margin.top + size.wave / 2;
  const columns = outline.length / 2;
  const step = (xOf(seconds) - margin.left) / columns;
  pen.fillStyle = color("well");
  pen.fillRect(margin.left, margin.top, width(), size.wave);
  pen.fillStyle = color("wave");
  for (let i = 0; i < columns; i++) {
    const top = middle - (outline[2 * i + 1] / 127) * (size.wave / 2);
    const bottom = middle - (outline[2 * i] / 127) * (size.wave / 2);
    pen.fillRect(margin.left + i * step, top, step + 0.3, Math.max(1, bottom - top));
  }
}

function drawImage({ image, seconds }) {
  pen.fillStyle = "#000004";
  pen.fillRect(margin.left, imageTop, width(), size.image);
  pen.drawImage(image, margin.left, imageTop, xOf(seconds) - margin.left, size.image);
}

function drawFrequencies() {
  pen.fillStyle = color("mute");
  pen.textBaseline = "middle";
  pen.textAlign = "right";
  const kHz = niceStep(view.top_khz, size.image > 150 ? 5 : 3);
  for (let tick = 0; tick <= view.top_khz - kHz / 2; tick += kHz) {
    const y = imageTop + size.image * (1 - tick / view.top_khz);
    pen.fillText(`${+tick.toFixed(2)}`, margin.left - 6, Math.min(y, imageTop + size.image - 5));
  }
  pen.fillText("kHz", margin.left - 6, imageTop + 5);
}

function drawSeconds() {
  const step = niceStep(view.seconds, Math.max(2, Math.floor(width() / 72)));
  const bottom = imageTop + size.image + 12;
  pen.textAlign = "center";
  for (let tick = Math.ceil(view.offset / step - 1e-6) * step; ; tick += step) {
    const x = xOf(tick - view.offset);
    if (x > margin.left + width() - 28) break;
    pen.fillRect(Math.round(x), imageTop + size.image, 1, 4);
    pen.fillText(`${+tick.toFixed(3)}`, x, bottom);
  }
  pen.textAlign = "right";
  pen.fillText("s", margin.left + width(), bottom);
}

function drawRegion([start, stop]) {
  const left = xOf(start - view.offset);
  const span = Math.max(2, xOf(stop - view.offset) - left);
  pen.save();
  pen.beginPath();
  pen.rect(margin.left, 0, width(), imageTop + size.image);
  pen.clip();
  if (props.selectable) { // elsewhere the picture inside matters more
    pen.fillStyle = color("region");
    pen.fillRect(left, margin.top, span, size.wave);
    pen.fillRect(left, imageTop, span, size.image);
  }
  pen.fillStyle = color("accent");
  pen.fillRect(left, margin.top - 4, span, 3);
  for (const x of [left, left + span - 1]) pen.fillRect(x, margin.top, 1, imageTop + size.image - margin.top);
  pen.restore();
}

function drawPart() {
  if (!props.part) return;
  const [from, to] = props.part.map((end) => Math.max(margin.left, Math.min(xOf(end - view.offset), margin.left + width())));
  for (const [veil, top, tall] of [[color("veil"), margin.top, size.wave], ["rgb(0 0 0 / 60%)", imageTop, size.image]]) {
    pen.fillStyle = veil;
    pen.fillRect(margin.left, top, from - margin.left, tall);
    pen.fillRect(to, top, margin.left + width() - to, tall);
  }
}

function drawPlayhead() {
  const at = now();
  if (at > 0 || voice) {
    pen.fillStyle = color("head");
    for (let row = 0; row < sounding().length; row++) {
      pen.fillRect(Math.round(xOf(at)), row * rowHeight + margin.top, 1.5, imageTop + size.image - margin.top);
    }
  }
  find("time").textContent = `${(view.offset + at).toFixed(1)} / ${(view.offset + view.seconds).toFixed(1)} s`;
}

function refresh() {
  root.classList.toggle("filled", !!view);
  root.classList.toggle("playing", !!voice);
  find("play").setAttribute("aria-label", voice ? "Pause" : "Play");
  find("loop").setAttribute("aria-pressed", loop);
  if (!view) return;
  if (stacked) refreshStrips();
  else [...find("tracks").children].forEach((button, i) => button.setAttribute("aria-pressed", i === track));
  const names = sounding().map((item) => item.name).join(", ");
  root.dataset.track = names;
  canvas.setAttribute("aria-label", `Waveform and spectrogram: ${names}, ${view.seconds.toFixed(1)} s`);
  draw();
}

// ---- what arrives from the server ------------------------------------------------------------------------------

async function decode(item) {
  const bytes = Uint8Array.from(atob(item.outline), (letter) => letter.charCodeAt(0));
  const image = new Image();
  image.src = item.image;
  await image.decode();
  return { ...item, image, outline: new Int8Array(bytes.buffer) };
}

function buildSwitch() {
  const names = view.tracks.map((item) => item.name);
  const box = find("tracks");
  if ([...box.children].map((button) => button.textContent).join() === names.join()) return;
  box.replaceChildren(...names.map((name, i) => {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", textContent: name, onclick: () => choose(i) });
    return button;
  }));
  box.hidden = names.length < 2;
}

function buildStrips() {
  const stage = find("stage");
  canvas.style.height = `${heightOf(view.tracks.length)}px`;
  stage.querySelectorAll(".scope-strip").forEach((strip) => strip.remove());
  view.tracks.forEach(({ name }, row) => {
    const strip = document.createElement("div");
    strip.className = "scope-strip";
    strip.style.top = `${row * rowHeight}px`;
    strip.append(Object.assign(document.createElement("b"), { textContent: name }));
    for (const [label, set] of [["Solo", soloed], ["Mute", muted]]) {
      const button = Object.assign(document.createElement("button"), { type: "button", textContent: label });
      button.setAttribute("aria-label", `${label} ${name}`);
      button.onclick = () => toggle(set, name);
      strip.append(button);
    }
    stage.append(strip);
  });
}

function refreshStrips() {
  root.querySelectorAll(".scope-strip").forEach((strip, i) => {
    const [solo, mute] = strip.querySelectorAll("button");
    solo.setAttribute("aria-pressed", soloed.has(view.tracks[i].name));
    mute.setAttribute("aria-pressed", muted.has(view.tracks[i].name));
  });
}

async function show() {
  const arrival = ++arrivals;
  const value = props.value;
  if (!value) { if (view) pause(); view = null; refresh(); return; }
  const tracks = await Promise.all(value.tracks.map(decode));
  if (arrival !== arrivals) return;
  const same = view && view.key === value.key;
  const name = same ? view.tracks[track].name : null;
  if (!same) { pause(); position = 0; }
  view = { ...value, tracks };
  track = Math.max(0, same ? tracks.findIndex((item) => item.name === name) : value.initial);
  const urls = new Set(tracks.map((item) => item.audio.url));
  for (const url of buffers.keys()) if (!urls.has(url)) buffers.delete(url);
  root.dataset.updates = +root.dataset.updates + 1;
  find("range").textContent = `${value.top_db - props.range_db} to ${value.top_db} dBFS`.replaceAll("-", "\u2212");
  find("gain").textContent = value.gain_db < 0 ? `played ${-value.gain_db} dB quieter, for peaks over full scale` : "";
  if (stacked) buildStrips();
  else buildSwitch();
  if (voice) play();
  else if (value.autoplay && !same) play(0);
  refresh();
  if (value.arrives && !same) comeIntoView();
}

function comeIntoView() {
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const typing = document.activeElement?.matches("textarea, input:not([type=radio], [type=checkbox], [type=range])");
  if (root.offsetParent && !calm && !typing) root.closest(".after")?.scrollIntoView({ behavior: "smooth", block: "nearest" });
}

function marks() {
  regions = props.regions ?? [];
  draw();
}

// ---- hands -----------------------------------------------------------------------------------------------------

find("play").onclick = () => view && (voice ? pause() : play());
find("loop").onclick = () => { loop = !loop; if (voice) play(); refresh(); };
find("legend").querySelector("i").style.background = props.gradient;

canvas.onkeydown = (event) => {
  const index = Number(event.key) - 1;
  if (!view) return;
  if (event.key === " ") voice ? pause() : play();
  else if (event.key === "ArrowLeft") seek(now() - 0.1);
  else if (event.key === "ArrowRight") seek(now() + 0.1);
  else if (view.tracks[index]) choose(index);
  else return;
  event.preventDefault();
};

let grip = null; // where a drag began, in seconds
canvas.onpointerdown = (event) => {
  if (!view || event.button !== 0) return;
  grip = { x: event.offsetX, seconds: secondsAt(event.offsetX) };
  canvas.setPointerCapture(event.pointerId);
};
canvas.onpointermove = (event) => {
  if (!view) return;
  const seconds = secondsAt(event.offsetX);
  const share = 1 - ((event.offsetY % rowHeight) - imageTop) / size.image;
  const kHz = share >= 0 && share <= 1 ? `, ${(share * view.top_khz).toFixed(1)} kHz` : "";
  find("hover").textContent = `${(view.offset + seconds).toFixed(2)} s${kHz}`;
  if (!grip || Math.abs(event.offsetX - grip.x) < 4) return;
  if (!props.selectable) return seek(seconds);
  draft = [grip.seconds, seconds].sort((a, b) => a - b).map((end) => end + view.offset);
  draw();
};
canvas.onpointerup = (event) => {
  if (grip && draft) trigger("select", { regions: united([...regions, draft]) });
  else if (grip && view) seek(secondsAt(event.offsetX));
  if (draft) regions = united([...regions, draft]);
  grip = draft = null;
  draw();
};
canvas.onpointercancel = () => { grip = draft = null; draw(); };
canvas.onpointerleave = () => { find("hover").textContent = ""; };
canvas.ondblclick = (event) => {
  if (!props.selectable || !view) return;
  const at = secondsAt(event.offsetX) + view.offset;
  const rest = regions.filter(([start, stop]) => at < start || at > stop);
  if (rest.length < regions.length) { regions = rest; trigger("select", { regions }); draw(); }
};

function united(spans) {
  const merged = [];
  for (const [start, stop] of [...spans].sort((a, b) => a[0] - b[0])) {
    const last = merged.at(-1);
    if (last && start <= last[1]) last[1] = Math.max(last[1], stop);
    else merged.push([start, stop]);
  }
  return merged;
}

new ResizeObserver(draw).observe(canvas);
new MutationObserver(draw).observe(document.body, { attributes: true, attributeFilter: ["class"] });
watch("value", show);
watch(["regions", "part"], marks);
marks();
show();
