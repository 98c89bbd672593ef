// What each layer of a model sees from one sample or one pixel (demos/generation/field_view.py). Runs as the body of a function
// with Gradio's arguments element, trigger, props and watch.

const root = element.querySelector(".field");
root.insertAdjacentHTML("beforeend", `
  <canvas class="field-subject" tabindex="0" role="application"></canvas>
  <p class="field-hint"></p>
  <ol class="field-layers"></ol>
  <p class="field-ends"><span></span><span>the sample</span></p>
  <p class="field-legend"><i></i><span>a millionth of the strongest to the strongest; dark: not seen at all</span></p>`);

const find = (name) => root.querySelector(`.field-${name}`);
const canvas = find("subject"), pen = canvas.getContext("2d"), list = find("layers");
const image = new Image();
let view = null;
let place = null; // [seconds], or [row, column]: where the keys are

find("legend").querySelector("i").style.background = props.gradient;
const color = (name) => getComputedStyle(root).getPropertyValue(name).trim();
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

function show() {
  view = props.value;
  root.classList.toggle("filled", !!view);
  if (!view) return;
  root.dataset.kind = view.kind;
  place = view.place;
  while (list.children.length > view.layers.length) list.lastChild.remove();
  while (list.children.length < view.layers.length) list.insertAdjacentHTML("beforeend", "<li><b></b><img><span></span></li>");
  view.layers.forEach((layer, k) => {
    const [name, picture, seen] = list.children[k].children;
    name.textContent = layer.name;
    picture.src = layer.image;
    picture.alt = `What ${layer.name} sees`;
    picture.onclick = view.kind === "image" ? (event) => pick(event, picture) : null;
    seen.textContent = layer.said;
  });
  find("ends").firstElementChild.textContent = view.before ?? "";
  canvas.setAttribute("aria-label", view.kind === "sound" ? "The sound: arrow keys choose a sample" : "The image: arrow keys choose a pixel");
  find("hint").textContent = view.kind === "sound" ? "Click a moment of the sound: the next sample there is what is predicted." : "Click a pixel, here or in any of the maps: it is what is predicted.";
  if (view.kind === "image") {
    image.onload = draw;
    image.src = view.picture;
  }
  draw();
  root.dataset.updates = +root.dataset.updates + 1;
}

function draw() {
  if (!view || !canvas.clientWidth) return;
  if (view.kind === "sound") drawSound();
  else drawImage();
}

function drawSound() {
  const scale = window.devicePixelRatio || 1, wide = canvas.clientWidth, tall = 64;
  canvas.style.height = `${tall}px`;
  canvas.width = wide * scale;
  canvas.height = tall * scale;
  pen.scale(scale, scale);
  const bytes = Uint8Array.from(atob(view.outline), (letter) => letter.charCodeAt(0));
  const outline = new Int8Array(bytes.buffer), step = (2 * wide) / outline.length;
  const xOf = (seconds) => (seconds / view.seconds) * wide;
  pen.fillStyle = color("--well");
  pen.fillRect(0, 0, wide, tall);
  pen.fillStyle = color("--amber-soft");
  pen.fillRect(xOf(view.from), 0, Math.max(2, xOf(place[0]) - xOf(view.from)), tall);
  pen.fillStyle = color("--mute");
  for (let k = 0; k < outline.length / 2; k++) {
    const [low, high] = [outline[2 * k] / 127, outline[2 * k + 1] / 127];
    pen.fillRect(k * step, tall / 2 - (high * tall) / 2, step + 0.3, Math.max(1, ((high - low) * tall) / 2));
  }
  pen.fillStyle = color("--amber");
  pen.fillRect(xOf(place[0]) - 1, 0, 2, tall);
}

function drawImage() {
  canvas.style.height = "";
  canvas.width = 8 * view.width;
  canvas.height = 8 * view.height;
  pen.imageSmoothingEnabled = false;
  if (image.complete && image.naturalWidth) pen.drawImage(image, 0, 0, canvas.width, canvas.height);
  pen.strokeStyle = color("--amber");
  pen.lineWidth = 2;
  pen.strokeRect(8 * place[1] + 1, 8 * place[0] + 1, 6, 6);
}

function pick(event, over) {
  const box = over.getBoundingClientRect();
  const across = clamp((event.clientX - box.left) / box.width, 0, 0.9999), down = clamp((event.clientY - box.top) / box.height, 0, 0.9999);
  go(view.kind === "sound" ? [across * view.seconds] : [Math.floor(down * view.height), Math.floor(across * view.width)]);
}

function go(wanted) {
  place = wanted;
  draw();
  trigger("pick", { place });
}

canvas.onclick = (event) => view && pick(event, canvas);
canvas.onkeydown = (event) => {
  if (!view) return;
  const by = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
  if (!by) return;
  event.preventDefault();
  if (view.kind === "sound") go([clamp(place[0] + by[1] / view.sample_rate, 0, view.seconds)]);
  else go([clamp(place[0] + by[0], 0, view.height - 1), clamp(place[1] + by[1], 0, view.width - 1)]);
};
new ResizeObserver(draw).observe(root);
new MutationObserver(draw).observe(document.body, { attributes: true, attributeFilter: ["class"] });
watch("value", show);
show();
