// A grid of sounds (demos/page/sound_grid.py): a click on a picture plays it. Runs, after player.js, as the body of a function
// with Gradio's arguments element, trigger, props and watch.

const root = element.querySelector(".grid");
root.insertAdjacentHTML("beforeend", `
  <ol class="grid-sounds"></ol>
  <div class="grid-bar">
    <button type="button" class="grid-row" aria-pressed="false">Play one after the other</button>
    <span class="grid-legend"><i></i><span></span></span>
  </div>
  <p class="grid-usual" role="status"></p>`);

const find = (name) => root.querySelector(`.grid-${name}`);
const list = find("sounds");

let view = null; // the payload on show; of a sound that has no audio of its own yet that of the last update
let cards = []; // of every sound { box, play, name, image, head, nearest, recording }
let inRow = false; // whether one sound after the other plays
let wanted = null; // the number of a sound that was clicked before there was anything to hear of it

find("legend").querySelector("i").style.background = props.gradient;

// ---- sound ------------------------------------------------------------------------------------------------------

function stop() {
  inRow = false;
  silence();
  if (page.playing === stop) page.playing = null;
  refresh();
}

function press(number) {
  const card = cards[number], { audio } = view.sounds[number];
  if (voice?.button === card.play) return stop();
  inRow = false;
  wanted = audio ? null : number;
  if (audio) play(audio.url, { button: card.play, head: card.head });
}

function playRow(number) {
  const audio = view?.sounds[number]?.audio;
  inRow = !!audio;
  const { play: button, head } = cards[number] ?? {};
  if (inRow) play(audio.url, { button, head }, { onward: () => playRow(number + 1) });
  else stop();
}

function move() {
  if (!root.isConnected) return stop();
  if (!voice) return;
  const share = (context().currentTime - voice.from) / voice.source.buffer.duration;
  if (voice.head) voice.head.style.left = `${100 * Math.min(Math.max(share, 0), 1)}%`;
  requestAnimationFrame(move);
}

// ---- the nearest recordings ---------------------------------------------------------------------------------------

function pressNearest(number) {
  const card = cards[number];
  if (!card.recording) {
    card.nearest.textContent = "Looking…";
    trigger("nearest", { number, key: view.key });
  } else if (voice?.button === card.nearest) stop();
  else {
    inRow = false;
    play(card.recording.audio.url, { button: card.nearest });
  }
}

function answer() {
  const found = props.nearest;
  cards.filter((card) => !card.recording).forEach(forgetRecording);
  if (!found || !view || found.key !== view.key) return;
  const card = cards[found.number];
  card.recording = found;
  card.nearest.textContent = found.said;
  find("usual").textContent = found.usual;
  play(found.audio.url, { button: card.nearest });
}

// ---- what is seen -------------------------------------------------------------------------------------------------

function build() { // the cards that are there stay
  while (cards.length > view.sounds.length) cards.pop().box.remove();
  while (cards.length < view.sounds.length) cards.push(makeCard(cards.length));
}

function makeCard(number) {
  const box = document.createElement("li");
  box.innerHTML = `
    <button type="button" class="grid-play"><img alt=""><i class="grid-head"></i><i class="grid-icon"></i></button>
    <b></b>
    <button type="button" class="grid-nearest" hidden>Nearest recording</button>`;
  list.append(box);
  const [play, nearest] = box.querySelectorAll("button");
  play.onclick = () => press(number);
  play.onkeydown = (event) => step(event, number);
  nearest.onclick = () => pressNearest(number);
  return { box, play, nearest, name: box.querySelector("b"), image: box.querySelector("img"), head: box.querySelector(".grid-head") };
}

function step(event, number) { // arrow keys go from picture to picture
  const across = cards.filter((card) => card.box.offsetTop === cards[0].box.offsetTop).length;
  const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -across, ArrowDown: across }[event.key];
  if (!by) return;
  cards[number + by]?.play.focus();
  event.preventDefault();
}

function refresh() {
  if (!view) return;
  cards.forEach((card, number) => {
    const { name, audio } = view.sounds[number];
    for (const button of [card.play, card.nearest]) button.classList.toggle("playing", voice?.button === button);
    card.play.classList.toggle("silent", !audio);
    card.play.setAttribute("aria-label", `${voice?.button === card.play ? "Stop" : "Play"} ${name}`);
    card.nearest.setAttribute("aria-label", `${card.nearest.textContent}: ${name}`);
    card.nearest.hidden = !(view.over && props.compares);
  });
  find("row").textContent = inRow ? "Stop" : "Play one after the other";
  find("row").setAttribute("aria-pressed", inRow);
}

function columns() { // three or four, whatever leaves less room empty
  const count = view.total;
  if (view.in_line) return count > 8 ? Math.ceil(count / 2) : count;
  const empty = (across) => (across - (count % across)) % across;
  return empty(4) <= empty(3) ? 4 : 3;
}

function begin() { // another run's sounds
  stop();
  wanted = null;
  cards.forEach(forgetRecording);
  find("usual").textContent = "";
  comeIntoView();
}

function forgetRecording(card) {
  card.recording = null;
  card.nearest.textContent = "Nearest recording";
}

function show() {
  const value = props.value, last = view, same = !!value && last?.key === value.key;
  root.classList.toggle("filled", !!value);
  if (!value) { stop(); view = null; root.classList.remove("over"); return; }
  const heard = same ? last.sounds : []; // of sounds that have no audio of their own yet
  view = { ...value, over: value.over || (same && last.over), sounds: value.sounds.map((sound, k) => ({ ...sound, audio: sound.audio ?? heard[k]?.audio })) };
  build();
  if (!same) begin();
  view.sounds.forEach((sound, k) => { cards[k].image.src = sound.image; cards[k].name.textContent = sound.name; });
  root.classList.toggle("in-line", view.in_line);
  root.classList.toggle("over", view.over);
  list.style.setProperty("--columns", columns());
  find("legend").querySelector("span").textContent = `${props.range_db} dB, mel scale to ${view.top_khz} kHz`;
  find("row").hidden = view.total < 2;
  forgetBuffers();
  root.dataset.updates = +root.dataset.updates + 1;
  refresh();
  if (wanted !== null && view.sounds[wanted]?.audio) press(wanted);
}

function forgetBuffers() {
  const kept = [...view.sounds.map((sound) => sound.audio), ...cards.map((card) => card.recording?.audio)].map((audio) => audio?.url);
  for (const url of buffers.keys()) if (!kept.includes(url)) buffers.delete(url);
}

function comeIntoView() {
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const typing = document.activeElement?.matches("textarea, input:not([type=radio], [type=checkbox], [type=range])");
  if (root.offsetParent && !calm && !typing) root.closest(".pane")?.scrollIntoView({ behavior: "smooth", block: "nearest" });
}

// ---- what arrives from the server ---------------------------------------------------------------------------------

find("row").onclick = () => (inRow ? stop() : playRow(0));
watch("value", show);
watch("nearest", answer);
show();
