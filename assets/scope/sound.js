// ---- sound: what plays, from where, how loud -------------------------------------------------------------------

let voice = null; // { sources, gains, startedAt, offset, cycle, seconds }
let waiting = false; // for more of a sound that grows: everything there was has been played
let generation = 0; // playback requests; an older one that finishes late is dropped
const muted = new Set(), soloed = new Set(); // names of stacked tracks
const buffers = new Map(); // url -> Promise<AudioBuffer>
const decoded = new Map(); // url -> AudioBuffer

function context() {
  return (page.context ??= new AudioContext());
}

function buffer(url) {
  if (!buffers.has(url)) {
    const load = fetch(url).then((reply) => reply.arrayBuffer()).then((bytes) => context().decodeAudioData(bytes));
    load.then((sound) => buffers.has(url) && decoded.set(url, sound), () => buffers.delete(url));
    buffers.set(url, load);
  }
  return buffers.get(url);
}

function forgetBuffers(kept) {
  for (const url of buffers.keys()) if (!kept.has(url)) { buffers.delete(url); decoded.delete(url); }
}

function now() {
  if (!voice) return position;
  const elapsed = voice.offset + Math.max(0, context().currentTime - voice.startedAt);
  const [from, to] = voice.cycle;
  return loop && elapsed >= to ? from + ((elapsed - from) % (to - from)) : Math.min(elapsed, voice.seconds);
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
const loudness = (item) => (audible(item) ? 10 ** (matchingDb(item) / 20) : 0);

function balance() {
  const time = context().currentTime;
  voice?.gains.forEach((gain, i) => gain.gain.setTargetAtTime(loudness(sounding()[i]), time, 0.01));
}

async function play(from) {
  const request = ++generation;
  waiting = false;
  if (page.playing && page.playing !== pause) page.playing();
  page.playing = pause;
  const audio = context();
  const tracks = sounding();
  const [sounds] = await Promise.all([Promise.all(tracks.map((item) => buffer(item.audio.url))), audio.resume()]);
  if (request !== generation) return;
  const at = from ?? now();
  silence();
  const seconds = Math.max(...sounds.map((sound) => sound.duration));
  const cycle = partInView() ?? [0, seconds];
  const bounds = { loop, loopStart: cycle[0], loopEnd: cycle[1] };
  const sources = sounds.map((sound) => new AudioBufferSourceNode(audio, { buffer: sound, ...bounds }));
  const gains = sources.map((source, i) => {
    const gain = new GainNode(audio, { gain: 0 });
    source.connect(gain).connect(destination());
    gain.gain.setTargetAtTime(loudness(tracks[i]), audio.currentTime, 0.004);
    return gain;
  });
  const over = loop ? at < cycle[0] || at >= cycle[1] - 0.02 : at >= seconds - 0.02;
  const offset = over ? (loop ? cycle[0] : 0) : at;
  const startedAt = audio.currentTime + (stacked ? 0.02 : 0); // all at the same moment
  for (const source of sources) source.start(startedAt, offset);
  sources[0].onended = () => { voice = null; waiting = view.grows; position = waiting ? seconds : 0; refresh(); };
  voice = { sources, gains, offset, cycle, startedAt, seconds };
  refresh();
  tick();
}

function pause() {
  generation += 1;
  waiting = false;
  position = now();
  silence();
  if (page.playing === pause) page.playing = null;
  refresh();
}

function seek(seconds) {
  position = clamp(seconds, 0, view.seconds);
  if (voice) play(position);
  else { follow(position); refresh(); }
}

function toggle(set, name) {
  if (!set.delete(name)) set.add(name);
  balance();
  refresh();
}

function tick() {
  if (!root.isConnected) { silence(); return; }
  if (voice) follow(now());
  draw();
  if (voice) requestAnimationFrame(tick);
}
