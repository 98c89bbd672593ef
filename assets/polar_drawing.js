// Draws directions around an array, before polar.js, which holds what is drawn. Degrees, counter-clockwise from +x.

const MARGIN = 34, HOLE = 0.27; // pixels around the circle, and the share of its radius that the array takes
const COLORS = 8;
const FADE = 320; // milliseconds in which windows appear
const FAINT = 0.35; // opacity of what is hardly a voice

const color = (name) => getComputedStyle(root).getPropertyValue(`--${name}`).trim();
const voiceColor = (k) => color(`voice-${k % COLORS}`);
const radians = (degrees) => degrees * Math.PI / 180;
const unpack = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
const size = () => canvas.clientWidth;
const outer = () => size() / 2 - MARGIN;
const inner = () => HOLE * outer();
const at = (degrees, radius) => [size() / 2 + radius * Math.cos(radians(degrees)), size() / 2 - radius * Math.sin(radians(degrees))];

function draw() {
  if (!value || !size()) return;
  const ratio = window.devicePixelRatio || 1;
  canvas.width = canvas.height = Math.round(size() * ratio);
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  pen.lineJoin = "round";
  drawDial();
  if (value.kind === "live") drawLive();
  else if (looks.length) drawLook();
  drawArray();
  if (hover !== null) drawRay(hover, color("mute"), 1, [3, 4]);
  if (beam !== null) drawRay(beam, color("amber"), 2, []);
  if (value.kind === "found" && shown === null) drawFound();
}

function drawDial() {
  const [c, R] = [size() / 2, outer()];
  pen.fillStyle = color("well");
  disc(c, c, R);
  pen.strokeStyle = color("panel-edge");
  pen.lineWidth = 1;
  for (const share of [0.5, 0.75]) ring(R * (HOLE + (1 - HOLE) * share));
  ring(R);
  ring(inner());
  for (let angle = 0; angle < 360; angle += 30) {
    pen.beginPath();
    pen.moveTo(...at(angle, R - 5));
    pen.lineTo(...at(angle, R));
    pen.strokeStyle = color("mute");
    pen.stroke();
  }
  pen.fillStyle = color("mute");
  pen.font = `11px ${getComputedStyle(root).fontFamily}`;
  for (let angle = 0; angle < 360; angle += 30) pen.fillText(`${angle}°`, ...at(angle, R + 21));
}

function drawArray() {
  const spread = inner() * 0.5;
  pen.font = `10px ${getComputedStyle(root).fontFamily}`;
  value.array.mics.forEach(([x, y], k) => {
    const [px, py] = [size() / 2 + x * spread, size() / 2 - y * spread];
    pen.fillStyle = color("ink");
    disc(px, py, 3);
    if (value.array.mics.length > 8) return;
    const away = Math.hypot(x, y) || 1;
    pen.fillStyle = color("mute");
    pen.fillText(k, px + (x / away) * 10, py - (y / away) * 10);
  });
}

function drawLive() {
  if (!view) return;
  drawOutline(view.energy);
  for (const source of view.sources) drawTrail(source);
  for (const source of view.sources) drawBadge(source.angle, source.number, voiceColor(source.number - 1));
}

function drawOutline(shares) {
  const [R, r, step] = [outer() - 6, inner(), 360 / shares.length];
  pen.beginPath();
  shares.forEach((share, k) => pen.lineTo(...at(k * step, r + (share / 255) * (R - r))));
  pen.closePath();
  pen.moveTo(size() / 2 + r, size() / 2);
  pen.arc(size() / 2, size() / 2, r, 0, 2 * Math.PI, true);
  pen.fillStyle = color("amber-soft");
  pen.fill("evenodd");
  pen.beginPath();
  shares.forEach((share, k) => pen.lineTo(...at(k * step, r + (share / 255) * (R - r))));
  pen.closePath();
  pen.strokeStyle = color("amber");
  pen.lineWidth = 1.5;
  pen.stroke();
}

function drawTrail({ number, trail }) { // the past lies further in, and fades
  pen.fillStyle = voiceColor(number - 1);
  const [depth, alpha] = [0.5 * (outer() - inner()), pen.globalAlpha];
  trail.forEach((angle, k) => {
    const age = (trail.length - 1 - k) / Math.max(trail.length - 1, 19);
    pen.globalAlpha = alpha * 0.7 * (1 - age);
    disc(...at(angle, outer() - 14 - age * depth), 4 - 2 * age);
  });
  pen.globalAlpha = alpha;
}

function drawBadge(angle, text, fill) {
  const [x, y] = at(angle, outer() - 14);
  pen.fillStyle = color("panel");
  disc(x, y, 13);
  pen.fillStyle = fill;
  disc(x, y, 11);
  pen.fillStyle = "#fff";
  pen.font = `600 12px ${getComputedStyle(root).fontFamily}`;
  pen.fillText(text, x, y + 0.5);
}

function drawLook() {
  const last = shown ?? looks.length - 1;
  const look = looks[last];
  if (look.power) return drawOutline(unpack(look.power));
  if (!look.stage) return;
  const age = Math.min(1, (performance.now() - appeared) / FADE);
  for (const earlier of looks.slice(0, last + 1)) {
    if (earlier.chunk !== look.chunk || !earlier.stage) continue;
    drawStage(earlier.stage, earlier === look ? age : 1, earlier.stage.level === look.stage.level);
  }
  if (age < 1) requestAnimationFrame(draw);
}

function drawStage({ level, levels, width, windows }, alpha, newest) {
  const [r, R, c] = [inner(), outer() - 8, size() / 2];
  const [from, to] = [r + (level / levels) * (R - r) + 2, r + ((level + 1) / levels) * (R - r)];
  for (const [angle, share, kept] of windows) {
    const [begin, finish] = [-radians(angle + width / 2 - 0.4), -radians(angle - width / 2 + 0.4)];
    pen.beginPath();
    pen.arc(c, c, to, begin, finish);
    pen.arc(c, c, from, finish, begin, true);
    pen.closePath();
    pen.globalAlpha = alpha * (kept ? (newest ? 0.25 + 0.75 * share : 0.15 + 0.45 * share) : 1);
    pen.fillStyle = kept ? color("amber") : color("panel-edge");
    pen.fill();
  }
  pen.globalAlpha = 1;
}

function drawFound() {
  pen.fillStyle = color("ink");
  for (const angle of value.truth) { // a triangle that points at the rim
    const [x, y] = at(angle, outer() + 6);
    pen.beginPath();
    for (const turn of [180, 300, 60]) {
      pen.lineTo(x + 6 * Math.cos(radians(angle + turn)), y - 6 * Math.sin(radians(angle + turn)));
    }
    pen.fill();
  }
  for (const voice of [...value.voices.filter(doubtful), ...value.voices.filter((own) => !doubtful(own))]) {
    const { number, angle, track } = voice;
    pen.globalAlpha = doubtful(voice) ? FAINT : 1;
    drawTrail({ number, trail: track });
    drawRay(angle, voiceColor(number - 1), doubtful(voice) ? 1 : 2, []);
    drawBadge(angle, number, voiceColor(number - 1));
    pen.globalAlpha = 1;
  }
}

const doubtful = ({ confidence }) => confidence < props.least;

function drawRay(angle, stroke, width, dash) {
  pen.strokeStyle = stroke;
  pen.lineWidth = width;
  pen.setLineDash(dash);
  pen.beginPath();
  pen.moveTo(...at(angle, inner()));
  pen.lineTo(...at(angle, outer()));
  pen.stroke();
  pen.setLineDash([]);
}

function disc(x, y, radius) {
  pen.beginPath();
  pen.arc(x, y, radius, 0, 2 * Math.PI);
  pen.fill();
}

function ring(radius) {
  pen.beginPath();
  pen.arc(size() / 2, size() / 2, radius, 0, 2 * Math.PI);
  pen.stroke();
}
