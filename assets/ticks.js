// How far apart the ticks of an axis stand: 1, 2 or 5 times a power of ten, so that a span has so many at most. Precedes
// what draws axes, in the body of the same function.

function niceStep(span, most) {
  const power = 10 ** Math.floor(Math.log10(span / most));
  return [1, 2, 5, 10].map((digit) => digit * power).find((step) => span / step <= most);
}
