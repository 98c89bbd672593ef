// The connection of a live view (demos/array/live_routes.py): receives messages as server-sent events, and posts voices that
// were dragged. Precedes polar.js, in the body of the same function.

const page = (window.resound ??= { context: null, playing: null });

class Live {
  // Opens the view of a token.
  //   sound: is played meanwhile, looped; null for none
  //   take(moment), over(sentence): called with every message, and at the end of the view
  constructor({ token, sound, muted, movable, take, over }) {
    this.address = new URL(`live/${token}`, document.baseURI);
    this.movable = movable;
    this.sending = false;
    this.waiting = null; // a message at a time, the newest place last
    this.events = new EventSource(this.address);
    this.events.onmessage = ({ data }) => {
      const moment = JSON.parse(data);
      moment.end === undefined ? take(moment) : over(moment.end);
    };
    this.events.onerror = () => over("The live view broke off; listen again.");
    this.sound = sound && Object.assign(new Audio(sound.url), { loop: true, muted });
    this.hush = () => this.sound.pause();
    if (sound) this.play();
  }

  play() { // one sound of the page at a time
    page.playing?.();
    page.playing = this.hush;
    this.sound.play().catch(() => {}); // a page that nobody touched may not sound
  }

  close() {
    this.events.close();
    this.sound?.pause();
    if (page.playing === this.hush) page.playing = null;
  }

  async move(voices) {
    if (!this.movable) return;
    this.waiting = voices;
    if (this.sending) return;
    this.sending = true;
    while (this.waiting && this.events.readyState !== EventSource.CLOSED) {
      const body = JSON.stringify(this.waiting);
      this.waiting = null;
      await fetch(`${this.address}/room`, { method: "POST", body }).catch(() => {});
    }
    this.sending = false;
  }
}
