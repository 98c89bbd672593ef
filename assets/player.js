// One sound at a time, in a component and on the page. Precedes grid.js and codes.js, in the body of the same function, which
// have to say what `stop`, `refresh` and `move` are: what ends a sound, and what is shown once and while one plays.

const page = (window.resound ??= { context: null, playing: null });
const buffers = new Map(); // address -> Promise<AudioBuffer>

let voice = null; // what plays { source, from }, and what the component knows of it
let generation = 0; // requests to play; an older one that is loaded late is dropped

function context() {
  return (page.context ??= new AudioContext());
}

function buffer(address) {
  if (!buffers.has(address)) {
    const load = fetch(address).then((reply) => reply.arrayBuffer()).then((bytes) => context().decodeAudioData(bytes));
    load.catch(() => buffers.delete(address));
    buffers.set(address, load);
  }
  return buffers.get(address);
}

function silence() {
  generation += 1;
  if (!voice) return;
  voice.source.onended = null;
  voice.source.stop();
  voice = null;
}

// about: what the component knows of it; at, long: seconds from where and how much is played; onward: called at its end
async function play(address, about, { at = 0, long = undefined, onward = stop } = {}) {
  if (page.playing && page.playing !== stop) page.playing();
  silence();
  page.playing = stop;
  const request = generation;
  const [sound] = await Promise.all([buffer(address), context().resume()]);
  if (request !== generation) return;
  const source = new AudioBufferSourceNode(context(), { buffer: sound });
  source.connect(context().destination);
  source.onended = () => { voice = null; onward(); };
  source.start(0, at, long);
  voice = { source, from: context().currentTime, ...about };
  refresh();
  move();
}
