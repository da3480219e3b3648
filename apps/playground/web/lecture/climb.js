// Steps uphill on the pixels, 0 to 255: x* = argmax of one logit less the price of ink, or a layer's own answer made
// stronger (Deep Dream).

const [FIRST, SECOND, TINY] = [0.9, 0.999, 1e-8]; // Adam's (Kingma & Ba 2015)
export const RATE = 12; // pixel values a step
const DREAM = 4; // mean change of a pixel in a step

// Adam's state for `count` pixels.
export function climber(count) {
  return { steps: 0, mean: new Float32Array(count), square: new Float32Array(count) };
}

// One step of Adam on `pixels` in place: up the gradient, less `price` for each whole pixel of ink.
export function ascend(pixels, gradient, state, price = 0) {
  state.steps += 1;
  const [fix1, fix2] = [1 - FIRST ** state.steps, 1 - SECOND ** state.steps];
  for (let i = 0; i < pixels.length; i += 1) {
    const slope = 255 * gradient[i] - (pixels[i] > 0 ? price : 0);
    state.mean[i] = FIRST * state.mean[i] + (1 - FIRST) * slope;
    state.square[i] = SECOND * state.square[i] + (1 - SECOND) * slope * slope;
    const step = (RATE * state.mean[i]) / fix1 / (Math.sqrt(state.square[i] / fix2) + TINY);
    pixels[i] = Math.min(Math.max(pixels[i] + step, 0), 255);
  }
}

// One step of a dream: the gradient divided by its mean size.
export function exaggerate(pixels, gradient) {
  let size = 0;
  for (const value of gradient) size += Math.abs(value) / gradient.length;
  if (size === 0) return;
  for (let i = 0; i < pixels.length; i += 1) pixels[i] = Math.min(Math.max(pixels[i] + (DREAM * gradient[i]) / size, 0), 255);
}

// Pictures (count * side * side) of one picture moved by every (dy, dx) up to `most`, rows first; black comes in.
export function shifts(pixels, side, most) {
  const width = 2 * most + 1;
  const moved = new Float32Array(width * width * side * side);
  for (let place = 0; place < width * width; place += 1) {
    const [dy, dx] = [Math.floor(place / width) - most, (place % width) - most];
    for (let y = Math.max(dy, 0); y < Math.min(side + dy, side); y += 1) {
      for (let x = Math.max(dx, 0); x < Math.min(side + dx, side); x += 1) moved[(place * side + y) * side + x] = pixels[(y - dy) * side + x - dx];
    }
  }
  return moved;
}

// The start: the same soft noise each time, which a small congruential generator gives.
export function noise(count) {
  let state = 28;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return 40 * (state / 2 ** 32);
  });
}
