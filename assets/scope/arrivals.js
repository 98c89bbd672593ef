// ---- what arrives from the server ------------------------------------------------------------------------------

const AHEAD = 0.4; // seconds that have to be there before playback that waited for more of a sound goes on

let arrivals = 0; // payloads; one that is decoded late is dropped

async function decode(item) {
  const bytes = Uint8Array.from(atob(item.outline), (letter) => letter.charCodeAt(0));
  const image = new Image();
  image.src = item.image;
  await image.decode();
  return { ...item, image, outline: new Int8Array(bytes.buffer) };
}

async function show() {
  const arrival = ++arrivals;
  const value = props.value;
  if (!value) { if (view) pause(); view = zoom = null; refresh(); return; }
  const tracks = await Promise.all(value.tracks.map(decode));
  if (arrival !== arrivals) return;
  const same = view && view.key === value.key;
  const name = same ? view.tracks[track].name : null;
  if (!same) { pause(); position = 0; zoom = null; }
  view = { ...value, tracks };
  blind = null;
  find("verdict").textContent = "";
  track = Math.max(0, same ? tracks.findIndex((item) => item.name === name) : value.initial);
  forgetBuffers(new Set(tracks.map((item) => item.audio.url)));
  root.dataset.updates = +root.dataset.updates + 1;
  find("range").textContent = `${value.top_db - props.range_db} to ${value.top_db} dBFS`.replaceAll("-", "\u2212");
  find("gain").textContent = value.gain_db < 0 ? `played ${-value.gain_db} dB quieter, for peaks over full scale` : "";
  if (stacked) buildStrips();
  else buildSwitch();
  if (voice) play();
  else if (waiting && same && value.seconds > position + (value.grows ? AHEAD : 0.05)) play(position);
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
  if (!held) part = props.part;
  if (!cutting) cutoff = props.cutoff ? props.cutoff / 1000 : null;
  if (view) refreshAxis();
  draw();
}

