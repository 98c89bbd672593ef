// ---- hands -----------------------------------------------------------------------------------------------------

find("play").onclick = () => view && (voice ? pause() : play());
find("loop").onclick = () => { loop = !loop; if (voice) play(); refresh(); };
find("legend").querySelector("i").style.background = props.gradient;

const keysOfCanvas = {
  " ": () => (voice ? pause() : play()),
  ArrowLeft: () => step(-0.1),
  ArrowRight: () => step(0.1),
  Home: () => step(-Infinity),
};
const keys = { // anywhere in the player
  "+": () => zoomAtHead(0.5),
  "-": () => zoomAtHead(2),
  l: () => { find("loop").click(); say(loop ? "Loop on" : "Loop off"); },
  m: () => view.matches_db && (find("match").click(), say(matched ? "Loudness matched" : "Loudness as it is")),
  b: () => view.matches_db && (find("blind").click(), say(blind ? "Names hidden" : "")), // the verdict speaks for itself
};

root.onkeydown = (event) => {
  if (!view || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  const slot = Number(event.key) - 1;
  const act = (event.target === canvas && keysOfCanvas[event.key]) || keys[event.key.toLowerCase()];
  if (act) act();
  else if (slots()[slot] !== undefined) pick(slots()[slot]);
  else return;
  event.preventDefault();
};

function zoomAtHead(factor) {
  zoomBy(factor, now());
  const [from, to] = inView().map((end) => text(end + view.offset));
  say(`${from} to ${to} s in view`);
}

function step(seconds) {
  const at = clamp(now() + seconds, 0, view.seconds);
  seek(at);
  say(timeText(at));
}

function pick(index) {
  if (stacked) return toggle(soloed, view.tracks[index].name);
  choose(index);
  say(nameOf(index));
}

let grip = null; // where a drag began
const touches = new Map(); // pointer -> x, of the fingers on it
canvas.onpointerdown = (event) => {
  if (!view || event.button !== 0) return;
  grip = { x: event.offsetX, seconds: secondsAt(event.offsetX) };
  if (event.pointerType === "touch") touches.set(event.pointerId, event.offsetX);
  canvas.setPointerCapture(event.pointerId);
};
canvas.onpointermove = (event) => {
  if (!view) return;
  if (touches.size === 2) return pinch(event);
  const seconds = secondsAt(event.offsetX);
  const share = 1 - ((event.offsetY % rowHeight) - imageTop) / size.image;
  const kHz = share >= 0 && share <= 1 ? `, ${(share * view.top_khz).toFixed(1)} kHz` : "";
  find("hover").textContent = `${(view.offset + seconds).toFixed(2)} s${kHz}`;
  if (!grip || Math.abs(event.offsetX - grip.x) < 4) return;
  if (!props.selectable) return seek(seconds);
  draft = [grip.seconds, seconds].sort((a, b) => a - b).map((end) => end + view.offset);
  draw();
};
canvas.onwheel = (event) => { // a trackpad's pinch comes with ctrlKey
  if (!view) return;
  const [from, to] = inView(), by = event.deltaX || (event.shiftKey ? event.deltaY : 0);
  if (event.ctrlKey) zoomBy(Math.exp(clamp(event.deltaY, -50, 50) * 0.01), secondsAt(event.offsetX));
  else if (zoom && by) zoomTo(from + (by / width()) * (to - from), to + (by / width()) * (to - from));
  else return;
  event.preventDefault();
};

function pinch(event) {
  const apart = () => { const [a, b] = touches.values(); return Math.max(24, Math.abs(a - b)); };
  const before = apart();
  touches.set(event.pointerId, event.offsetX);
  const [a, b] = touches.values();
  zoomBy(before / apart(), secondsAt((a + b) / 2));
  grip = draft = null;
}

canvas.onpointerup = (event) => {
  touches.delete(event.pointerId);
  if (grip && draft) trigger("select", { regions: united([...regions, draft]) });
  else if (grip && view) seek(secondsAt(event.offsetX));
  if (draft) regions = united([...regions, draft]);
  grip = draft = null;
  draw();
};
canvas.onpointercancel = (event) => { touches.delete(event.pointerId); grip = draft = null; draw(); };
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
