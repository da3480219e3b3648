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

// 0 to 1 -> [r, g, b], black to white.
export function grey(share) {
  return [255 * share, 255 * share, 255 * share];
}

const STEPS = 255; // colours of a scale to either side of 0
const tables = new WeakMap();

// A scale's colours as pixels, from -1 to 1: looked up, for a page has a million of them to paint.
function table(colour) {
  if (!tables.has(colour)) {
    const pixels = new Uint32Array(2 * STEPS + 1);
    const bytes = new Uint8ClampedArray(pixels.buffer);
    pixels.forEach((_, i) => bytes.set([...colour(i / STEPS - 1), 255], 4 * i));
    tables.set(colour, pixels);
  }
  return tables.get(colour);
}

// Write (height, width) values from `offset` of `values` into an image, its left upper corner at x, y.
export function fill(image, values, offset, width, height, { x = 0, y = 0, scale, colour }) {
  const pixels = new Uint32Array(image.data.buffer);
  const colours = table(colour);
  const factor = scale > 0 ? STEPS / scale : 0;
  for (let row = 0; row < height; row += 1) {
    const [from, to] = [offset + row * width, (y + row) * image.width + x];
    for (let column = 0; column < width; column += 1) {
      const step = Math.round(values[from + column] * factor);
      pixels[to + column] = colours[STEPS + Math.min(Math.max(step, -STEPS), STEPS)];
    }
  }
}

// Paint (height, width) values from `offset` of `values` into a canvas' 2-D context.
export function paint(context, values, offset, width, height, { x = 0, y = 0, scale, colour }) {
  const image = context.createImageData(width, height);
  fill(image, values, offset, width, height, { scale, colour });
  context.putImageData(image, x, y);
}
