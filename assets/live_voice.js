// Speaking live with another voice (demos/voice/live_voice.py): the microphone's sound goes to the server in chunks, one
// request after the other, and what comes back is played without gaps. Runs as the body of a function with Gradio's
// arguments element, trigger, props and watch.

const root = element.querySelector(".speak");
root.innerHTML = `
  <div class="speak-bar">
    <button type="button" class="speak-live" aria-pressed="false">Speak live</button>
    <b class="speak-behind"></b>
  </div>
  <ul class="speak-levels">
    <li><span>In</span><u><s></s></u></li>
    <li><span>Out</span><u><s></s></u></li>
  </ul>
  <p class="quiet">Wear headphones, or the microphone hears the voice again. Nothing is recorded or kept.</p>
  <p class="speak-message" role="status" hidden></p>`;

const find = (name) => root.querySelector(`.speak-${name}`);
const page = (window.resound ??= { context: null, playing: null });

const MOST_WAITING = 4, MOST_AT_ONCE = 2; // chunks that wait for the server; more are left out. That one request carries
const LEAD = 0.15, SPARE = 0.35; // seconds from a chunk's arrival until it plays; a lead that pauses are shortened for
const FULL_SCALE = 32768, HUSHED = 160, PAUSE = 512; // of 16-bit samples; the loudest of a pause, how many make one
const QUIET_DB = -60; // where the meters begin

let live = null; // who speaks

// ---- the microphone's sound at the voice's rate, in chunks: a low-pass of windowed sincs, tabulated between samples ----

const CAPTURE = `
const LOBES = 12, STEPS = 64;
registerProcessor("resound-capture", class extends AudioWorkletProcessor {
  constructor({ processorOptions: { rate, chunk } }) {
    super();
    this.step = sampleRate / rate;
    const stretch = Math.max(1, this.step) / 0.94;
    this.reach = Math.ceil(LOBES * stretch);
    this.kernel = Float32Array.from({ length: this.reach * STEPS + 1 }, (_, k) => {
      const x = k / STEPS / stretch, window = x < LOBES ? Math.cos(Math.PI / 2 * x / LOBES) ** 2 : 0;
      return window * (x ? Math.sin(Math.PI * x) / (Math.PI * x) : 1) / stretch;
    });
    this.heard = new Float32Array(2 * this.reach);
    this.place = this.reach;
    this.chunk = new Int16Array(chunk);
    this.filled = 0;
  }
  process([[input]]) {
    if (!input) return true;
    const heard = new Float32Array(this.heard.length + input.length);
    heard.set(this.heard);
    heard.set(input, this.heard.length);
    for (; this.place + this.reach < heard.length; this.place += this.step) this.write(this.sample(heard));
    const past = Math.floor(this.place) - this.reach;
    this.heard = heard.slice(past);
    this.place -= past;
    return true;
  }
  sample(heard) {
    let sum = 0;
    const first = Math.ceil(this.place - this.reach), last = Math.floor(this.place + this.reach);
    for (let k = first; k <= last; k++) sum += heard[k] * this.kernel[Math.round(Math.abs(k - this.place) * STEPS)];
    return sum;
  }
  write(value) {
    this.chunk[this.filled++] = Math.max(-1, Math.min(1, value)) * 32767;
    if (this.filled < this.chunk.length) return;
    this.port.postMessage(this.chunk);
    this.filled = 0;
  }
});`;

class Speaking {
  // A session of a token, see live_view in live_voice.py.
  //   over(sentence): called when it ends by itself
  constructor({ token, rate, chunk, behind }, over) {
    Object.assign(this, { rate, chunk, behind, over });
    this.address = new URL(`live-voice/${token}`, document.baseURI);
    this.waiting = []; // { pcm, at }, at: when its last sample was heard, in milliseconds
    this.sending = this.closed = false;
    this.leaving = new AbortController();
    this.next = 0; // when the next chunk plays, by the voice's clock
    this.left = this.gaps = 0; // chunks that were left out, times that the voice broke off
    this.hush = () => this.end("");
    page.playing?.(); // one sound of the page at a time
    page.playing = this.hush;
  }

  async start() {
    // as it is: what browsers take for echo and noise are parts of speech, and the voice's level follows the speaker's
    const audio = { channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: false };
    this.microphone = await navigator.mediaDevices.getUserMedia({ audio });
    if (this.closed) return this.release();
    this.microphone.getTracks()[0].onended = () => this.end("The microphone is gone; plug it in and speak live again.");
    this.ears = new AudioContext();
    this.mouth = new AudioContext({ sampleRate: this.rate }); // at its own rate chunks join to the sample
    const module = URL.createObjectURL(new Blob([CAPTURE], { type: "text/javascript" }));
    await this.ears.audioWorklet.addModule(module);
    URL.revokeObjectURL(module);
    if (this.closed) return this.release();
    const processorOptions = { rate: this.rate, chunk: this.chunk };
    const mono = { channelCount: 1, channelCountMode: "explicit" };
    const capture = new AudioWorkletNode(this.ears, "resound-capture", { ...mono, processorOptions });
    capture.port.onmessage = ({ data }) => this.heard(data);
    this.heardLevel = new AnalyserNode(this.ears);
    this.saidLevel = new AnalyserNode(this.mouth);
    const source = this.ears.createMediaStreamSource(this.microphone);
    source.connect(this.heardLevel).connect(capture).connect(this.ears.destination); // silence: it is heard by nobody
    this.saidLevel.connect(this.mouth.destination);
  }

  heard(pcm) {
    this.waiting.push({ pcm, at: performance.now() });
    if (this.waiting.length > MOST_WAITING) {
      this.waiting.shift();
      this.left += 1;
    }
    if (!this.sending) this.send();
  }

  async send() {
    this.sending = true;
    while (this.waiting.length && !this.closed) {
      const chunks = this.waiting.splice(0, MOST_AT_ONCE);
      const body = new Blob(chunks.map(({ pcm }) => pcm));
      try {
        const reply = await fetch(this.address, { method: "POST", body, signal: this.leaving.signal });
        if (!reply.ok) return this.end((await reply.json()).detail);
        this.play(new Int16Array(await reply.arrayBuffer()), chunks.at(-1).at);
      } catch {
        return this.end("The connection broke off; speak live again.");
      }
    }
    this.sending = false;
  }

  play(pcm, at) {
    if (this.closed) return;
    const now = this.mouth.currentTime, lead = this.next - now;
    if (lead < 0) {
      this.gaps += this.next > 0;
      this.next = now + LEAD;
    }
    const samples = lead > SPARE ? hastened(pcm, (lead - LEAD) * this.rate) : pcm;
    if (samples.length) this.schedule(Float32Array.from(samples, (sample) => sample / FULL_SCALE));
    const latency = this.mouth.outputLatency || 0;
    this.delay = (performance.now() - at) / 1000 + this.next - this.mouth.currentTime + latency + this.behind;
    root.dataset.chunks = +root.dataset.chunks + 1;
    refresh();
  }

  schedule(samples) {
    const buffer = new AudioBuffer({ length: samples.length, sampleRate: this.rate });
    buffer.copyToChannel(samples, 0);
    const source = new AudioBufferSourceNode(this.mouth, { buffer });
    source.connect(this.saidLevel);
    this.next = Math.round(this.next * this.rate) / this.rate; // whole samples
    source.start(this.next);
    this.next += buffer.duration;
  }

  end(sentence) {
    if (this.closed) return;
    this.close();
    this.over(sentence);
  }

  release() {
    this.microphone?.getTracks().forEach((track) => track.stop());
    for (const context of [this.ears, this.mouth]) if (context && context.state !== "closed") context.close();
  }

  close() {
    this.closed = true;
    this.release();
    this.leaving.abort();
    fetch(this.address, { method: "DELETE", keepalive: true }).catch(() => {}); // the server forgets the voice
    if (page.playing === this.hush) page.playing = null;
  }
}

function hastened(pcm, surplus) { // what came late catches up in pauses, by so many samples at most
  const kept = [];
  for (let at = 0; at < pcm.length; at += PAUSE) {
    const part = pcm.subarray(at, at + PAUSE);
    if (surplus >= PAUSE && part.every((sample) => Math.abs(sample) < HUSHED)) surplus -= part.length;
    else kept.push(...part);
  }
  return kept;
}

// ---- words and levels -------------------------------------------------------------------------------------------

function say(message) {
  if (find("message").textContent === message) return; // read out once
  find("message").textContent = message;
  find("message").hidden = !message;
}

function trouble() {
  const missing = (live.left * live.chunk) / live.rate;
  if (missing) return `The server is slower than you speak; ${missing.toFixed(1)} s were left out.`;
  return live.gaps ? `The connection is slow; the voice broke off ${live.gaps === 1 ? "once" : `${live.gaps} times`}.` : "";
}

function refresh() {
  root.dataset.live = live ? "yes" : "no";
  root.dataset.behind = live?.delay?.toFixed(3) ?? "";
  find("live").textContent = live ? "Stop speaking" : "Speak live";
  find("live").setAttribute("aria-pressed", !!live);
  find("behind").textContent = live?.delay ? `${live.delay.toFixed(1)} s behind you` : "";
  if (live?.delay) say(trouble());
}

function level(analyser) { // from 0 to 1
  if (!analyser) return 0;
  const samples = new Float32Array(analyser.fftSize);
  analyser.getFloatTimeDomainData(samples);
  const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
  return Math.max(0, Math.min(1, 1 - 10 * Math.log10(power + 1e-12) / QUIET_DB));
}

function meter() {
  if (live && !root.isConnected) live.end("");
  const [heard, said] = root.querySelectorAll("s");
  heard.style.width = `${100 * level(live?.heardLevel)}%`;
  said.style.width = `${100 * level(live?.saidLevel)}%`;
  if (live) requestAnimationFrame(meter);
}

// ---- hands, and what arrives from the server --------------------------------------------------------------------

const REFUSED = {
  NotAllowedError: "The microphone is not allowed here; allow it in the browser's settings of this page.",
  NotFoundError: "There is no microphone; plug one in and speak live again.",
};

function over(sentence) {
  live = null;
  say(sentence);
  refresh();
}

async function begin() {
  if (!props.value) return;
  live?.end("");
  const mine = (live = new Speaking(props.value, over));
  say("Waiting for the microphone.");
  refresh();
  try {
    await mine.start();
  } catch (error) {
    return mine.end(REFUSED[error.name] ?? "The microphone cannot be used; another program may hold it.");
  }
  if (live !== mine) return;
  say("Speak now.");
  meter();
}

find("live").onclick = () => {
  if (live) return live.end("");
  if (navigator.mediaDevices && window.AudioWorkletNode) return trigger("listen");
  say("Browsers give the microphone to pages under https or on this machine alone; open this page so.");
};
watch("value", begin);
