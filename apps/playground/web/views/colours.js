// Values as colours that the colour-blind tell apart: black to amber for what is never negative, else blue to orange.

const LOW = [38, 98, 205];
const MIDDLE = [246, 246, 244];
const HIGH = [217, 95, 14];

const RAMP = [[0, 0, 0], [186, 88, 12], [255, 170, 60], [255, 250, 235]];

// 0 to 1 -> [r, g, b], bright on black as the digits are.
export function bright(share) {
  const t = Math.min(Math.max(share, 0), 1) * (RAMP.length - 1);
  const i = Math.min(Math.floor(t), RAMP.length - 2);
  return RAMP[i].map((value, c) => value + (RAMP[i + 1][c] - value) * (t - i));
}

// -1 to 1 -> [r, g, b].
export function diverging(share) {
  const t = Math.min(Math.max(share, -1), 1);
  const end = t < 0 ? LOW : HIGH;
  return MIDDLE.map((value, i) => value + (end[i] - value) * Math.abs(t));
}

export function largest(values) {
  let best = 0;
  for (const value of values) best = Math.max(best, Math.abs(value));
  return best;
}

// Paint (height, width) values from `offset` of `values` into a canvas' 2-D context.
export function paint(context, values, offset, width, height, { x = 0, y = 0, scale, colour }) {
  const image = context.createImageData(width, height);
  for (let i = 0; i < width * height; i += 1) {
    const [r, g, b] = colour(scale > 0 ? values[offset + i] / scale : 0);
    image.data.set([r, g, b, 255], 4 * i);
  }
  context.putImageData(image, x, y);
}
