// ---- the end of a sound's own band: a line on the spectrogram over which something is, or will be, made ----------

let cutoff = null; // in kHz
let cutting = false; // while it is dragged

const yOf = (kHz) => imageTop + size.image * (1 - kHz / view.top_khz);
const kHzAt = (y) => clamp((1 - (y - imageTop) / size.image) * view.top_khz, 0, view.top_khz);
const hasCutoff = () => cutoff !== null && !blind && cutoff < view.top_khz;
const nearCutoff = (event) =>
  props.cuts && view && hasCutoff() && Math.abs(event.offsetY - yOf(cutoff)) < (event.pointerType === "touch" ? 20 : 6);

function drawCutoff() {
  if (!hasCutoff()) return;
  const y = Math.round(yOf(cutoff)) + 0.5, right = margin.left + width();
  pen.save();
  pen.strokeStyle = color("accent");
  pen.setLineDash(cutting ? [] : [6, 4]);
  pen.beginPath();
  pen.moveTo(margin.left, y);
  pen.lineTo(right, y);
  pen.stroke();
  pen.restore();
  label(`${cutoff.toFixed(1)} kHz`, right - 6, y, "right");
  if (props.cuts) return; // what is over it is not made yet
  label("made", margin.left + 6, Math.max(y - 9, imageTop + 7), "left");
  label("your sound", margin.left + 6, y + 9, "left");
}

function label(words, x, y, side) { // readable on any colour of the spectrogram
  const wide = pen.measureText(words).width;
  pen.fillStyle = "rgb(0 0 0 / 55%)";
  pen.fillRect(side === "left" ? x - 3 : x - wide - 3, y - 7, wide + 6, 14);
  pen.fillStyle = "#fff";
  pen.textAlign = side;
  pen.textBaseline = "middle";
  pen.fillText(words, x, y);
}

function moveCutoff(event) {
  cutoff = kHzAt(event.offsetY);
  draw();
}

function dropCutoff() {
  cutting = false;
  trigger("cut", { hertz: Math.round(1000 * cutoff) });
  draw();
}
