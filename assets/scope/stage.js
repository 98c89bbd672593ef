// A scope (demos/page/scope.py): its elements and its state. The files of this folder are, one after the other, the body
// of a function with Gradio's arguments element, trigger, props and watch. Everything is drawn on one canvas, so waveform
// and spectrogram share their pixels. Tracks take turns, or (size "stacked") stand one under the other, sound together
// and are soloed and muted.

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
    <div class="scope-tracks" role="radiogroup" aria-label="Track"></div>
    <span class="scope-time" aria-live="off"></span>
    <button type="button" class="scope-loop" aria-label="Loop" title="Loop"></button>
  </div>
  <div class="scope-tools">
    <label>Volume <input type="range" class="scope-volume" min="0" max="1" step="0.01" value="1"></label>
    <button type="button" class="scope-match" title="All that is compared, as quiet as the faintest (ITU-R BS.1770)">Match loudness</button>
    <button type="button" class="scope-blind" title="Hides which is which, in a new order"></button>
    <span class="scope-matched"></span>
    <span class="scope-verdict" aria-live="polite"></span>
  </div>
  <div class="scope-axis">
    <div class="scope-facts">
      <span class="scope-span"></span>
      <button type="button" class="scope-zoom"></button>
      <button type="button" class="scope-whole">Whole file</button>
    </div>
    <div class="scope-ruler">
      <i class="scope-window"></i>
      <i class="scope-part" role="slider" tabindex="0" aria-label="The part that is worked on"></i>
      <i class="scope-start" role="slider" tabindex="0" aria-label="Start of the part"></i>
      <i class="scope-stop" role="slider" tabindex="0" aria-label="End of the part"></i>
    </div>
  </div>
  <div class="scope-stage">
    <canvas class="scope-canvas" tabindex="0" role="application" aria-roledescription="player" style="height:${heightOf(1)}px"></canvas>
  </div>
  <div class="scope-legend"><i></i><span class="scope-range"></span><span class="scope-gain" title="Peaks over full scale would be flattened. The sound itself keeps its level."></span><span class="scope-hover"></span></div>
  <p class="scope-keys">
    <span><kbd>Space</kbd> plays</span> <span><kbd>←</kbd> <kbd>→</kbd> move</span> <span><kbd>1</kbd> to <kbd>9</kbd> switch</span>
    <span><kbd>L</kbd> loops</span> <span><kbd>M</kbd> matches</span> <span><kbd>B</kbd> hides names</span> <span><kbd>+</kbd> <kbd>−</kbd> zoom</span>
  </p>
  <p class="scope-said" aria-live="polite"></p>`);

const find = (name) => root.querySelector(`.scope-${name}`);
const canvas = find("canvas");
const pen = canvas.getContext("2d");
const page = (window.resound ??= { context: null, playing: null });

let view = null; // the payload on show, with decoded images and outlines
let track = 0;
let position = 0; // seconds from the left edge of the sound, while paused
let loop = props.loop;

function refresh() {
  root.classList.toggle("filled", !!view);
  root.classList.toggle("playing", !!voice);
  find("play").setAttribute("aria-label", voice ? "Pause" : "Play");
  find("loop").setAttribute("aria-pressed", loop);
  if (!view) return;
  refreshTracks();
  refreshComparing();
  refreshAxis();
  draw();
}

let saying = 0;
function say(text) { // once the keys rest
  clearTimeout(saying);
  saying = setTimeout(() => { find("said").textContent = text; }, 400);
}

function clamp(value, low, high) {
  return Math.max(low, Math.min(value, high));
}
