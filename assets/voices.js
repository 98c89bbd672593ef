// Cards of voices (demos/voice/cards.py): a click chooses one or gives it up, its button says a sentence with it. Runs as
// the body of a function with Gradio's arguments element, trigger, props and watch.

const root = element.querySelector(".voices");
const page = (window.resound ??= { context: null, playing: null });

let chosen = []; // names, the first chosen first
let playing = null; // { name, sound } of what is heard
let waiting = null; // { name, request } of what was asked for

function build() {
  root.replaceChildren(...props.value.voices.map(({ name, title, facts }) => {
    const card = document.createElement("div");
    card.className = "voice-card";
    card.dataset.name = name;
    card.innerHTML = `
      <button type="button" class="voice-hear"><i></i></button>
      <button type="button" class="voice-choose"><b></b><span></span></button>`;
    const [hear, choose] = card.querySelectorAll("button");
    choose.querySelector("b").textContent = title;
    choose.querySelector("span").textContent = facts;
    hear.onclick = () => press(name);
    choose.onclick = () => toggle(name);
    return card;
  }));
}

function toggle(name) {
  chosen = chosen.includes(name) ? chosen.filter((other) => other !== name) : [...chosen, name];
  refresh();
  trigger("choose", { names: chosen });
}

function press(name) {
  if (playing?.name === name) return stop();
  waiting = { name, request: `${name} ${Date.now()}` };
  trigger("hear", waiting);
  refresh();
}

function stop() {
  playing?.sound.pause();
  playing = null;
  if (page.playing === stop) page.playing = null;
  refresh();
}

function answer() {
  const heard = props.heard;
  if (!heard || heard.request !== waiting?.request) return;
  const { name } = waiting;
  waiting = null;
  if (heard.audio) {
    page.playing?.();
    page.playing = stop;
    const sound = new Audio(heard.audio);
    sound.onended = stop;
    sound.play().catch(stop); // a page that nobody touched may not sound
    playing = { name, sound };
  }
  refresh();
}

function refresh() {
  for (const card of root.children) {
    const { name } = card.dataset, [hear, choose] = card.querySelectorAll("button");
    const title = choose.querySelector("b").textContent;
    card.classList.toggle("playing", playing?.name === name);
    card.classList.toggle("waiting", waiting?.name === name);
    hear.setAttribute("aria-label", `${playing?.name === name ? "Stop" : "Hear"} ${title}`);
    choose.setAttribute("aria-pressed", chosen.includes(name));
  }
}

function show() {
  build();
  chosen = props.value.chosen;
  refresh();
}

watch("value", show);
watch("heard", answer);
show();
