// Ink laid into MNIST's form, as apps/digits/frame.py does it: a box of 20, the centre of mass in the middle of 28 x 28.
import { halfEven } from '../numbers.js';
import { resize } from './resize.js';

export const SIZE = 28;
const BOX = 20;
const THIN = 1.1; // stroke widths in pixels of the box
const USUAL = 1.7;

// {width, height, values: Float32Array, 0 to 1}, cropped to its ink -> Uint8Array of 28 x 28.
export function frame(ink) {
  const scale = BOX / Math.max(ink.width, ink.height);
  const wide = thickened(ink, scale);
  const [width, height] = [wide.width, wide.height].map((side) => Math.max(1, halfEven(side * scale)));
  const small = resize(wide, width, height, scale < 0.5 ? 'box' : 'bicubic');
  const values = small.values.map((value) => Math.max(value, 0));
  const full = Math.fround(Math.max(percentile(values.filter((value) => value > 0), 95), 1e-6));
  for (let i = 0; i < values.length; i += 1) values[i] = Math.min(Math.max(values[i] / full, 0), 1);
  const [row, column] = centreOfMass(values, width, height);
  const top = corner(row, height);
  const left = corner(column, width);
  const picture = new Uint8Array(SIZE * SIZE);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      picture[(top + y) * SIZE + left + x] = halfEven(Math.fround(255 * values[y * width + x]));
    }
  }
  return picture;
}

// The part of a picture that holds ink, or null for an empty one.
export function cropped({ width, height, values }) {
  let [top, bottom, left, right] = [height, -1, width, -1];
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      if (values[y * width + x] > 0) {
        [top, bottom] = [Math.min(top, y), Math.max(bottom, y)];
        [left, right] = [Math.min(left, x), Math.max(right, x)];
      }
    }
  }
  if (bottom < 0) return null;
  const [w, h] = [right - left + 1, bottom - top + 1];
  const part = new Float32Array(w * h);
  for (let y = 0; y < h; y += 1) part.set(values.subarray((top + y) * width + left, (top + y) * width + right + 1), y * w);
  return { width: w, height: h, values: part };
}

function corner(centre, side) { // MNIST's centres of mass lie at 14.0 +- 0.5, counted from the first pixel's middle
  return Math.min(Math.max(halfEven(SIZE / 2 - centre), 0), SIZE - side);
}

// Strokes that would be hair-thin in the box, made wider: MNIST's writers used pens, users draw with a mouse.
function thickened(ink, scale) {
  const { width, height, values } = ink;
  const at = (y, x) => (y >= 0 && x >= 0 && y < height && x < width && values[y * width + x] > 0.5 ? 1 : 0);
  let [count, edges] = [0, 0];
  for (let y = -1; y < height + 1; y += 1) {
    for (let x = -1; x < width + 1; x += 1) {
      const here = at(y, x);
      count += here;
      if (y < height) edges += here ^ at(y + 1, x);
      if (x < width) edges += here ^ at(y, x + 1);
    }
  }
  const stroke = ((2 * count) / Math.max(edges, 1)) * scale;
  const radius = halfEven((USUAL - stroke) / 2 / scale);
  return stroke >= THIN || radius < 1 ? ink : widened(ink, radius);
}

// The largest value within `radius`, on a picture that is `radius` larger on each side.
function widened({ width, height, values }, radius) {
  const [wide, high] = [width + 2 * radius, height + 2 * radius];
  const rows = new Float32Array(wide * height);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < wide; x += 1) {
      let best = 0;
      for (let i = Math.max(x - 2 * radius, 0); i <= Math.min(x, width - 1); i += 1) best = Math.max(best, values[y * width + i]);
      rows[y * wide + x] = best;
    }
  }
  const result = new Float32Array(wide * high);
  for (let y = 0; y < high; y += 1) {
    for (let x = 0; x < wide; x += 1) {
      let best = 0;
      for (let i = Math.max(y - 2 * radius, 0); i <= Math.min(y, height - 1); i += 1) best = Math.max(best, rows[i * wide + x]);
      result[y * wide + x] = halfEven(Math.fround(255 * best)) / 255;
    }
  }
  return { width: wide, height: high, values: result };
}

function centreOfMass(values, width, height) {
  let [total, down, across] = [0, 0, 0];
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const value = values[y * width + x];
      total += value;
      down += value * y;
      across += value * x;
    }
  }
  return [down / total, across / total];
}

// Numpy's percentile, linear between the two nearest.
function percentile(values, share) {
  const sorted = Float32Array.from(values).sort();
  const place = ((sorted.length - 1) * share) / 100;
  const low = Math.floor(place);
  const high = Math.min(low + 1, sorted.length - 1);
  return sorted[low] + (sorted[high] - sorted[low]) * (place - low);
}
