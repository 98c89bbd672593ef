// ---- the axis: which stretch of the sound is in view, and which part of the file is worked on ------------------

const LEAST_IN_VIEW = 0.02, LEAST_PART = 0.1; // seconds
const ruler = find("ruler");

let zoom = null; // [from, to] in seconds of the sound while zoomed in
let part = null; // [start, stop] in seconds of the file
let held = null; // a drag over the ruler: { grip, at, part, window }

const inView = () => zoom ?? [0, view.seconds];
const fileSeconds = () => view.file_seconds;

function zoomTo(from, to) {
  const length = clamp(to - from, Math.min(LEAST_IN_VIEW, view.seconds), view.seconds);
  const start = clamp(from, 0, view.seconds - length);
  zoom = length < view.seconds ? [start, start + length] : null;
  for (const item of zoom ? sounding() : []) buffer(item.audio.url).then(draw, () => {}); // its samples are drawn
  refreshAxis();
  draw();
}

function zoomBy(factor, around) {
  const [from, to] = inView();
  zoomTo(around - (around - from) * factor, around + (to - around) * factor);
}

function follow(seconds) {
  if (!zoom) return;
  const [from, to] = zoom;
  if (seconds < from || seconds > to) zoomTo(seconds, seconds + to - from);
}

function partInView() {
  if (!part) return null;
  const [from, to] = part.map((end) => clamp(end - view.offset, 0, view.seconds));
  return to > from ? [from, to] : null;
}

function zoomToPart() {
  const ends = partInView();
  if (zoom || !ends) return zoomTo(0, view.seconds);
  const around = 0.04 * (ends[1] - ends[0]);
  zoomTo(ends[0] - around, ends[1] + around);
}

function takePart(ends) { // what is chosen by hand; the server hears of it by `tellPart`
  part = ends;
  refreshAxis();
  draw();
}

let telling = 0;
function tellPart(delay = 0) {
  clearTimeout(telling);
  telling = setTimeout(() => {
    trigger("choose", { start: part[0], length: part[1] - part[0] });
    if (voice && loop) play();
  }, delay);
}

function movedPart(grip, by, [start, stop] = part) {
  const whole = fileSeconds(), least = Math.min(LEAST_PART, whole), most = props.most_seconds;
  if (grip === "start") return [clamp(start + by, Math.max(0, stop - most), stop - least), stop];
  if (grip === "stop") return [start, clamp(stop + by, start + least, Math.min(whole, start + most))];
  const moved = clamp(start + by, 0, whole - (stop - start));
  return [moved, moved + stop - start];
}

// ---- its ruler

const text = (seconds) => `${+seconds.toFixed(2)}`;
const percent = (seconds) => `${100 * clamp(seconds / fileSeconds(), 0, 1)}%`;

function refreshAxis() {
  root.classList.toggle("zoomed", !!zoom);
  root.classList.toggle("parted", !!part);
  const whole = fileSeconds(), shown = inView().map((end) => end + view.offset);
  place(find("window"), shown);
  find("window").hidden = shown[1] - shown[0] > whole - 0.01;
  find("zoom").textContent = zoom ? "Show all" : "Zoom to part";
  find("span").textContent = part ? partText() : "";
  if (!part) return;
  place(find("part"), part);
  find("start").style.left = percent(part[0]);
  find("stop").style.left = percent(part[1]);
  describe(find("start"), part[0], `from ${text(part[0])} s`);
  describe(find("stop"), part[1], `to ${text(part[1])} s`);
  describe(find("part"), part[0], `${text(part[0])} to ${text(part[1])} s`);
}

function partText() {
  const said = `${text(part[0])} to ${text(part[1])} s of ${+fileSeconds().toFixed(1)} s`;
  return fileSeconds() > props.most_seconds ? `${said}; at most ${props.most_seconds} s are worked on at once` : said;
}

function place(mark, [from, to]) {
  mark.style.left = percent(from);
  mark.style.width = `calc(${percent(to)} - ${percent(from)})`;
}

function describe(slider, value, said) {
  slider.setAttribute("aria-valuemin", 0);
  slider.setAttribute("aria-valuemax", fileSeconds().toFixed(2));
  slider.setAttribute("aria-valuenow", value.toFixed(2));
  slider.setAttribute("aria-valuetext", `${said} of ${+fileSeconds().toFixed(1)} s`);
}

// ---- and hands on it

function secondsOnRuler(event) {
  const box = ruler.getBoundingClientRect();
  return clamp((event.clientX - box.left) / box.width, 0, 1) * fileSeconds();
}

function gripAt(event, at) {
  if (!part) return "window";
  const reach = ((event.pointerType === "mouse" ? 8 : 20) / ruler.clientWidth) * fileSeconds();
  const inside = Math.min(reach, (part[1] - part[0]) / 4); // a short part can still be moved as a whole
  if (at > part[0] + inside && at < part[1] - inside) return "part";
  if (at > part[0] - reach && at < part[0] + inside) return "start";
  if (at > part[1] - inside && at < part[1] + reach) return "stop";
  return "new";
}

ruler.onpointerdown = (event) => {
  if (!view || event.button !== 0) return;
  const at = secondsOnRuler(event);
  held = { grip: gripAt(event, at), at, part, window: zoom };
  const slider = { part: find("part"), start: find("start"), stop: find("stop") }[held.grip];
  slider?.focus({ preventScroll: true });
  ruler.setPointerCapture(event.pointerId);
  event.preventDefault();
};

ruler.onpointermove = (event) => {
  if (!held) return;
  const at = secondsOnRuler(event), by = at - held.at;
  if (held.grip === "new" && held.part === part && Math.abs(by) * ruler.clientWidth < 4 * fileSeconds()) return;
  if (held.grip !== "window") takePart(held.grip === "new" ? drawnPart(held.at, at) : movedPart(held.grip, by, held.part));
  else if (held.window) zoomTo(held.window[0] + by, held.window[1] + by);
};

function drawnPart(from, to) {
  const ends = [from, to].sort((a, b) => a - b);
  return movedPart("stop", 0, [clamp(ends[0], 0, Math.max(0, fileSeconds() - LEAST_PART)), ends[1]]);
}

ruler.onpointerup = () => {
  if (held && held.part !== part) tellPart();
  held = null;
};
ruler.onpointercancel = () => {
  if (held) takePart(held.part);
  held = null;
};

for (const grip of ["start", "stop", "part"]) {
  find(grip).onkeydown = (event) => {
    const step = (fileSeconds() > 60 ? 1 : 0.1) * (event.shiftKey ? 10 : 1);
    const ways = { ArrowLeft: -step, ArrowDown: -step, ArrowRight: step, ArrowUp: step, Home: -Infinity, End: Infinity };
    if (!(event.key in ways)) return;
    event.preventDefault();
    event.stopPropagation();
    takePart(movedPart(grip, ways[event.key]));
    tellPart(300);
  };
}

find("zoom").onclick = zoomToPart;
find("whole").onclick = () => {
  zoomTo(0, view.seconds);
  takePart([0, Math.min(fileSeconds(), props.most_seconds)]);
  tellPart();
};
