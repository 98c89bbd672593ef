// ---- tracks: the switch between them, or the strips of stacked ones --------------------------------------------

function choose(index) {
  const at = now() * (view.stretched ? view.tracks[index].seconds / view.tracks[track].seconds : 1);
  track = index;
  if (voice) play(at);
  else position = at;
  refresh();
}

function nameOf(index) {
  return view.tracks[index].name;
}

function buildSwitch() {
  const box = find("tracks");
  const names = view.tracks.map((_, i) => nameOf(i));
  if ([...box.children].map((button) => button.textContent).join() === names.join()) return;
  box.replaceChildren(...names.map((name, i) => {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", role: "radio", textContent: name, onclick: () => choose(i) });
    return button;
  }));
  box.hidden = names.length < 2;
}

find("tracks").onkeydown = (event) => {
  const step = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event.key];
  if (!step) return;
  const count = view.tracks.length;
  choose((track + step + count) % count);
  find("tracks").children[track].focus();
  event.preventDefault();
};

function buildStrips() {
  const stage = find("stage");
  canvas.style.height = `${heightOf(view.tracks.length)}px`;
  stage.querySelectorAll(".scope-strip").forEach((strip) => strip.remove());
  view.tracks.forEach(({ name }, row) => {
    const strip = document.createElement("div");
    strip.className = "scope-strip";
    strip.style.top = `${row * rowHeight}px`;
    strip.append(Object.assign(document.createElement("b"), { textContent: name }));
    for (const [label, set] of [["Solo", soloed], ["Mute", muted]]) {
      const button = Object.assign(document.createElement("button"), { type: "button", textContent: label });
      button.setAttribute("aria-label", `${label} ${name}`);
      button.onclick = () => toggle(set, name);
      strip.append(button);
    }
    stage.append(strip);
  });
}

function refreshTracks() {
  const names = sounding().map((item) => item.name).join(", ");
  root.dataset.track = names;
  canvas.setAttribute("aria-label", `Player of ${names}: waveform and spectrogram, ${view.seconds.toFixed(1)} s`);
  if (stacked) return refreshStrips();
  [...find("tracks").children].forEach((button, i) => {
    button.setAttribute("aria-checked", i === track);
    button.tabIndex = i === track ? 0 : -1;
  });
}

function refreshStrips() {
  root.querySelectorAll(".scope-strip").forEach((strip, i) => {
    const [solo, mute] = strip.querySelectorAll("button");
    solo.setAttribute("aria-pressed", soloed.has(view.tracks[i].name));
    mute.setAttribute("aria-pressed", muted.has(view.tracks[i].name));
  });
}

