// ---- drawing: waveform, spectrogram, their axes and what is marked on them -------------------------------------

const SAMPLES_SHOWN = 10; // seconds in view, at most, of which every sample is looked at

let regions = []; // [start, stop] in seconds of the file
let draft = null; // the region that a drag draws

const color = (name) => getComputedStyle(root).getPropertyValue(`--scope-${name}`).trim();
const width = () => canvas.clientWidth - margin.left - margin.right;
const xOf = (seconds) => margin.left + ((seconds - inView()[0]) / (inView()[1] - inView()[0])) * width();
const secondsAt = (x) => inView()[0] + clamp((x - margin.left) / width(), 0, 1) * (inView()[1] - inView()[0]);
const imageTop = margin.top + size.wave + margin.gap;

function draw() {
  if (!view || !canvas.clientWidth) return;
  const scale = window.devicePixelRatio || 1;
  canvas.width = Math.round(canvas.clientWidth * scale);
  canvas.height = Math.round(heightOf(sounding().length) * scale);
  pen.font = `11px ${getComputedStyle(root).fontFamily}`;
  sounding().forEach((item, row, { length }) => {
    pen.setTransform(scale, 0, 0, scale, 0, row * rowHeight * scale);
    pen.globalAlpha = audible(item) ? 1 : 0.35;
    if (blind) drawHidden();
    else {
      drawWave(item);
      drawImage(item);
    }
    pen.globalAlpha = 1;
    drawFrequencies();
    if (row === length - 1) drawSeconds();
  });
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  for (const region of draft ? [...regions, draft] : regions) drawRegion(region);
  drawPart();
  drawCutoff();
  drawPlayhead();
}

function drawHidden() { // whoever sees a waveform knows which it is
  pen.fillStyle = color("well");
  for (const [top, tall] of [[margin.top, size.wave], [imageTop, size.image]]) pen.fillRect(margin.left, top, width(), tall);
  pen.fillStyle = color("mute");
  pen.textAlign = "center";
  pen.fillText("Hidden until you reveal which is which", margin.left + width() / 2, imageTop + size.image / 2);
}

function drawWave(item) {
  const middle = margin.top + size.wave / 2;
  pen.fillStyle = color("well");
  pen.fillRect(margin.left, margin.top, width(), size.wave);
  pen.fillStyle = color("wave");
  within(margin.top, size.wave, () => {
    for (const { x, wide, low, high } of columnsOf(item)) {
      pen.fillRect(x, middle - high * (size.wave / 2), wide, Math.max(1, (high - low) * (size.wave / 2)));
    }
  });
}

function* columnsOf({ outline, seconds, audio }) {
  const sound = decoded.get(audio.url), [from, to] = inView();
  if (zoom && sound && to - from <= SAMPLES_SHOWN) return yield* columnsOfSamples(sound, from, to);
  const columns = outline.length / 2;
  const step = (xOf(seconds) - xOf(0)) / columns;
  for (let i = 0; i < columns; i++) {
    yield { x: xOf(0) + i * step, wide: step + 0.3, low: outline[2 * i] / 127, high: outline[2 * i + 1] / 127 };
  }
}

function* columnsOfSamples(sound, from, to) {
  const channels = Array.from({ length: sound.numberOfChannels }, (_, i) => sound.getChannelData(i));
  const step = ((to - from) * sound.sampleRate) / width();
  for (let x = 0; x < width(); x++) {
    const first = Math.floor(from * sound.sampleRate + x * step);
    const last = Math.min(Math.ceil(from * sound.sampleRate + (x + 1) * step), sound.length - 1); // columns share a sample
    let low = Infinity, high = -Infinity;
    for (const samples of channels) {
      for (let i = first; i <= last; i++) {
        if (samples[i] < low) low = samples[i];
        if (samples[i] > high) high = samples[i];
      }
    }
    if (low <= high) yield { x: margin.left + x, wide: 1.3, low, high };
  }
}

function drawImage({ image, seconds }) {
  pen.fillStyle = "#000004";
  pen.fillRect(margin.left, imageTop, width(), size.image);
  within(imageTop, size.image, () => pen.drawImage(image, xOf(0), imageTop, xOf(seconds) - xOf(0), size.image));
}

function within(top, tall, paint) {
  pen.save();
  pen.beginPath();
  pen.rect(margin.left, top, width(), tall);
  pen.clip();
  paint();
  pen.restore();
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
  const [from, to] = inView().map((end) => end + view.offset);
  const step = niceStep(to - from, Math.max(2, Math.floor(width() / 72)));
  const bottom = imageTop + size.image + 12;
  pen.textAlign = "center";
  for (let tick = Math.ceil(from / step - 1e-6) * step; ; tick += step) {
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
  within(0, imageTop + size.image, () => {
    if (props.selectable) { // elsewhere the picture inside matters more
      pen.fillStyle = color("region");
      pen.fillRect(left, margin.top, span, size.wave);
      pen.fillRect(left, imageTop, span, size.image);
    }
    pen.fillStyle = color("accent");
    pen.fillRect(left, margin.top - 4, span, 3);
    for (const x of [left, left + span - 1]) pen.fillRect(x, margin.top, 1, imageTop + size.image - margin.top);
  });
}

function drawPart() {
  if (!part) return;
  const [from, to] = part.map((end) => clamp(xOf(end - view.offset), margin.left, margin.left + width()));
  for (const [veil, top, tall] of [[color("veil"), margin.top, size.wave], ["rgb(0 0 0 / 60%)", imageTop, size.image]]) {
    pen.fillStyle = veil;
    pen.fillRect(margin.left, top, from - margin.left, tall);
    pen.fillRect(to, top, margin.left + width() - to, tall);
  }
}

function drawPlayhead() {
  const at = now();
  const x = Math.round(xOf(at));
  if ((at > 0 || voice) && x >= margin.left && x <= margin.left + width()) {
    pen.fillStyle = color("head");
    for (let row = 0; row < sounding().length; row++) {
      pen.fillRect(x, row * rowHeight + margin.top, 1.5, imageTop + size.image - margin.top);
    }
  }
  find("time").textContent = timeText(at);
}

const timeText = (at) => `${(view.offset + at).toFixed(1)} / ${fileSeconds().toFixed(1)} s`;
