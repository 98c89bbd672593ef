// A small image to draw on, pixel by pixel (demos/generation/sketch.py): its first rows are given to a model, which draws the
// others, or all of it but the boxes that are hidden. Runs as the body of a function with Gradio's arguments element, trigger, props and watch.

const root = element.querySelector(".sketch");
root.insertAdjacentHTML("beforeend", `
  <canvas class="sketch-canvas" tabindex="0" role="application" aria-label="Draw the rows that are given: arrow keys move, Space paints"></canvas>
  <div class="sketch-bar">
    <button type="button" data-shade="255" aria-pressed="true">Pen</button>
    <button type="button" data-shade="0" aria-pressed="false">Rubber</button>
    <button type="button" data-shade="hide" aria-pressed="false" hidden>Hide</button>
    <button type="button" class="sketch-clear">Clear</button>
    <span class="sketch-said" aria-live="polite"></span>
  </div>`);

const canvas = root.querySelector("canvas"), pen = canvas.getContext("2d"), said = root.querySelector(".sketch-said");
const shades = [...root.querySelectorAll("[data-shade]")];
let pixels = new Uint8Array(0), height = 0, width = 0, rows = 0; // rows that are given
let shade = 255, painting = false, cursor = null; // [row, column] of the keys
let boxes = [], corner = null; // first and last row, first and last column of what is hidden; where a box is dragged from

const color = (name) => getComputedStyle(root).getPropertyValue(name).trim();

function draw() {
  canvas.width = 8 * width;
  canvas.height = 8 * height;
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const value = row < rows ? pixels[row * width + column] : 0;
      pen.fillStyle = row < rows ? `rgb(${value} ${value} ${value})` : color("--well");
      pen.fillRect(8 * column, 8 * row, 8, 8);
    }
  }
  pen.fillStyle = pen.strokeStyle = color("--amber");
  if (rows < height) pen.fillRect(0, 8 * rows - 1, canvas.width, 2);
  pen.lineWidth = 4;
  for (const [top, bottom, left, right] of boxes) {
    const place = [8 * left, 8 * top, 8 * (right - left), 8 * (bottom - top)];
    pen.globalAlpha = 0.45;
    pen.fillRect(...place);
    pen.globalAlpha = 1;
    pen.strokeRect(place[0] + 2, place[1] + 2, place[2] - 4, place[3] - 4);
  }
  if (cursor && document.activeElement === canvas) {
    pen.strokeStyle = color("--amber");
    pen.lineWidth = 2;
    pen.strokeRect(8 * cursor[1] + 1, 8 * cursor[0] + 1, 6, 6);
  }
}

function paint(row, column) { // a pen is as wide as a stroke of writing: its neighbours become half as bright
  const dot = (r, c, value) => {
    if (r < 0 || c < 0 || r >= rows || c >= width) return;
    const k = r * width + c;
    pixels[k] = shade ? Math.max(pixels[k], value) : 0;
  };
  dot(row, column, shade);
  for (const [r, c] of [[row, column + 1], [row + 1, column], [row + 1, column + 1]]) dot(r, c, shade);
  for (const [r, c] of [[row - 1, column], [row, column - 1], [row + 2, column], [row, column + 2]]) dot(r, c, shade && 110);
  draw();
}

function hide(row, column) { // from where the drag began to here, both of them hidden
  const clipped = (value, most) => Math.min(Math.max(value, 0), most - 1);
  const [r, c] = [clipped(row, height), clipped(column, width)];
  corner ??= [r, c];
  boxes = [[Math.min(corner[0], r), Math.max(corner[0], r) + 1, Math.min(corner[1], c), Math.max(corner[1], c) + 1]];
  draw();
}

const act = (row, column) => (shade === null ? hide : paint)(row, column);

function ended() {
  if (painting && corner) trigger("hide", { box: boxes[0] });
  else if (painting) tell();
  painting = false;
  corner = null;
}

function tell() {
  trigger("sketch", { height, width, pixels: Array.from(pixels) });
}

function placeOf(event) {
  const box = canvas.getBoundingClientRect();
  return [Math.floor(((event.clientY - box.top) / box.height) * height), Math.floor(((event.clientX - box.left) / box.width) * width)];
}

canvas.onpointerdown = (event) => {
  if (event.button !== 0) return;
  painting = true;
  canvas.setPointerCapture(event.pointerId);
  act(...placeOf(event));
};
canvas.onpointermove = (event) => { if (painting) event.getCoalescedEvents().forEach((one) => act(...placeOf(one))); };
canvas.onpointerup = canvas.onpointercancel = ended;
canvas.onkeydown = (event) => {
  const by = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
  if (by) {
    const [row, column] = cursor ?? [0, 0];
    cursor = [Math.min(Math.max(row + by[0], 0), rows - 1), Math.min(Math.max(column + by[1], 0), width - 1)];
    said.textContent = `Row ${cursor[0] + 1}, column ${cursor[1] + 1}`;
    draw();
  } else if (event.key === " " && cursor && shade === null) { // Space at one corner, then at the other
    const first = !corner;
    painting = true;
    hide(...cursor);
    if (first) painting = false;
    else ended();
  } else if (event.key === " " && cursor) {
    paint(...cursor);
    tell();
  } else return;
  event.preventDefault();
};
canvas.onfocus = canvas.onblur = draw;
for (const button of shades) {
  button.onclick = () => {
    shade = button.dataset.shade === "hide" ? null : +button.dataset.shade;
    corner = null;
    for (const other of shades) other.setAttribute("aria-pressed", other === button);
  };
}
root.querySelector(".sketch-clear").onclick = () => { pixels.fill(0); draw(); tell(); };

function take() {
  const value = props.value;
  if (!value) return;
  ({ height, width } = value);
  pixels = Uint8Array.from(atob(value.pixels), (letter) => letter.charCodeAt(0));
  resize();
}

function resize() {
  rows = Math.min(props.given ?? Math.floor(height / 2), height); // a hidden component begins without its props
  boxes = props.boxes ?? [];
  shades.at(-1).hidden = !props.hides;
  if (shade === null && !props.hides) shades[0].click();
  draw();
}

watch("value", take);
watch("given", resize);
watch("boxes", resize);
watch("hides", resize);
new MutationObserver(draw).observe(document.body, { attributes: true, attributeFilter: ["class"] });
take();
