// ---- comparing: volume, loudness that is matched, and names that are hidden ------------------------------------

let output = null; // the node that all sound goes through
let volume = 1;
let matched = false;
let blind = null; // while names are hidden the numbers of the tracks, shuffled

function destination() {
  if (!output) {
    output = new GainNode(context(), { gain: volume ** 2 }); // about as loudness is heard
    output.connect(context().destination);
  }
  return output;
}

function matchingDb(item) {
  return matched && view.matches_db ? view.matches_db[view.tracks.indexOf(item)] : 0;
}

const slots = () => blind ?? view.tracks.map((_, i) => i); // what the switch shows, in its order

function nameOf(index) {
  return blind ? String.fromCharCode(65 + blind.indexOf(index)) : view.tracks[index].name;
}

function hideNames() {
  blind = [...view.tracks.keys()].filter((i) => !view.tracks[i].difference);
  for (let i = blind.length - 1; i > 0; i--) {
    const other = Math.floor(Math.random() * (i + 1));
    [blind[i], blind[other]] = [blind[other], blind[i]];
  }
  find("verdict").textContent = "";
  buildSwitch();
  choose(blind[0]);
}

function reveal() {
  const letters = blind.map((index) => [nameOf(index), view.tracks[index].name]);
  blind = null;
  find("verdict").textContent = letters.map(([letter, name]) => `${letter} was ${name}`).join(", ");
  buildSwitch();
  refresh();
}

function refreshComparing() {
  root.classList.toggle("comparing", !!view.matches_db);
  root.classList.toggle("blind", !!blind);
  find("match").setAttribute("aria-pressed", matched);
  find("blind").textContent = blind ? "Reveal" : "Blind";
  find("blind").hidden = view.tracks.filter((item) => !item.difference).length < 2;
  const db = -matchingDb(view.tracks[track]);
  find("matched").textContent = matched && !blind ? `${nameOf(track)}: ${db ? `${db} dB quieter` : "as it is"}` : "";
}

find("volume").oninput = (event) => {
  volume = Number(event.target.value);
  output?.gain.setTargetAtTime(volume ** 2, context().currentTime, 0.01);
};
find("match").onclick = () => { matched = !matched; balance(); refresh(); };
find("blind").onclick = () => (blind ? reveal() : hideNames());
