// ---- tracks: the switch between them, or the strips of stacked ones --------------------------------------------

function choose(index) {
  const at = now() * (view.stretched ? view.tracks[index].seconds / view.tracks[track].seconds : 1);
  track = index;
  if (voice) play(at);
  else position = at;
  refresh();
}

function buildSwitch() {
  const box = find("tracks");
  const names = slots().map(nameOf);
  if ([...box.children].map((button) => button.textContent).join() === names.join()) return;
  box.replaceChildren(...names.map((name, slot) => {
    const button = document.createElement("button");
    const take = () => choose(slots()[slot]);
    Object.assign(button, { type: "button", role: "radio", textContent: name, onclick: take });
    return button;
  }));
  box.hidden = names.length < 2;
}

find("tracks").onkeydown = (event) => {
  const step = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event.key];
  if (!step) return;
  const count = slots().length, slot = (slots().indexOf(track) + step + count) % count;
  choose(slots()[slot]);
  find("tracks").children[slot].focus();
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
  const names = stacked ? view.tracks.map((item) => item.name).join(", ") : nameOf(track);
  root.dataset.track = names;
  canvas.setAttribute("aria-label", `Player of ${names}: waveform and spectrogram, ${view.seconds.toFixed(1)} s`);
  if (stacked) return refreshStrips();
  [...find("tracks").children].forEach((button, slot) => {
    const chosen = slots()[slot] === track;
    button.setAttribute("aria-checked", chosen);
    button.tabIndex = chosen ? 0 : -1;
  });
}

function refreshStrips() {
  root.querySelectorAll(".scope-strip").forEach((strip, i) => {
    const [solo, mute] = strip.querySelectorAll("button");
    solo.setAttribute("aria-pressed", soloed.has(view.tracks[i].name));
    mute.setAttribute("aria-pressed", muted.has(view.tracks[i].name));
  });
}

