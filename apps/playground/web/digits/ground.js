// The paper behind the ink, as apps/digits/frame.py finds it: a smooth surface, or what is left where strokes are taken off.
import { halfEven } from '../numbers.js';
import { resize } from './resize.js';

const SIDE = 48; // of the picture to which the surface is fitted

export function median(values) {
  const sorted = Float64Array.from(values).sort();
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

const line = (count) => Array.from({ length: count }, (_, i) => (count > 1 ? -1 + (2 * i) / (count - 1) : -1));
const basis = (y, x) => [1, y, x, y * x, y * y, x * x];

// The paper's brightness everywhere: a quadratic surface, fitted again and again to what lies near it.
export function surface({ width, height, values }) {
  const [w, h] = [Math.min(width, SIDE), Math.min(height, SIDE)];
  const small = resize({ width, height, values }, w, h, 'box').values;
  const [columns, rows] = [line(w), line(h)];
  const terms = rows.flatMap((y) => columns.map((x) => basis(y, x)));
  // The frame of the picture is paper more surely than its middle is.
  const edge = rows.flatMap((y) => columns.map((x) => Math.max(Math.abs(y), Math.abs(x))));
  const start = median(small.filter((_, i) => edge[i] > 0.8));
  let residual = Float64Array.from(small, (value) => value - start);
  let fitted = [start, 0, 0, 0, 0, 0];
  for (let round = 0; round < 12; round += 1) {
    const spread = 1.4826 * median(residual.filter((_, i) => edge[i] > 0.7).map(Math.abs)) + 2;
    const weights = residual.map((value) => Math.max(1 - (value / (4 * spread)) ** 2, 0) ** 2); // Tukey's biweight
    if (weights.reduce((sum, weight) => sum + weight, 0) < 0.05 * weights.length) break;
    const solution = leastSquares(terms, small, weights, round < 4 ? 3 : 6); // at first a plane: bends must not follow the ink
    fitted = [0, 1, 2, 3, 4, 5].map((i) => solution[i] ?? 0);
    residual = Float64Array.from(small, (value, i) => value - dot(terms[i], fitted));
  }
  const wide = line(width);
  const found = new Float32Array(width * height);
  line(height).forEach((y, row) => wide.forEach((x, column) => { found[row * width + column] = dot(basis(y, x), fitted); }));
  return found;
}

const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);

// Coefficients of the first `count` terms, by the normal equations and Gauss's elimination.
function leastSquares(terms, values, weights, count) {
  const rows = Array.from({ length: count }, () => new Float64Array(count + 1));
  terms.forEach((term, k) => {
    for (let i = 0; i < count; i += 1) {
      for (let j = 0; j < count; j += 1) rows[i][j] += weights[k] * term[i] * term[j];
      rows[i][count] += weights[k] * term[i] * values[k];
    }
  });
  for (let i = 0; i < count; i += 1) {
    const pivot = rows.slice(i).reduce((best, row, k) => (Math.abs(row[i]) > Math.abs(rows[best][i]) ? i + k : best), i);
    [rows[i], rows[pivot]] = [rows[pivot], rows[i]];
    if (Math.abs(rows[i][i]) < 1e-9) continue; // nothing tells this term
    for (let k = 0; k < count; k += 1) {
      const factor = k === i ? 0 : rows[k][i] / rows[i][i];
      for (let j = i; factor && j <= count; j += 1) rows[k][j] -= factor * rows[i][j];
    }
  }
  return rows.map((row, i) => (Math.abs(row[i]) < 1e-9 ? 0 : row[count] / row[i]));
}

// Bright ink without its ground: an opening, wider than any stroke but for one that fills the picture.
export function flattened({ width, height, values }) {
  const step = Math.max(1, halfEven(Math.max(width, height) / 64));
  const [w, h] = [Math.ceil(width / step), Math.ceil(height / step)];
  const low = new Float32Array(w * h).fill(Infinity);
  values.forEach((value, i) => {
    const at = Math.floor(Math.floor(i / width) / step) * w + Math.floor((i % width) / step);
    low[at] = Math.min(low[at], value);
  });
  const shift = low.reduce((least, value) => Math.min(least, value), Infinity);
  let coarse = low.map((value) => Math.trunc(Math.min(Math.max(value - shift, 0), 255)));
  for (const choose of [Math.min, Math.max]) coarse = passes(coarse, w, h, 2, (window) => choose(...window));
  coarse = passes(coarse, w, h, 1, ([a, b, c]) => Math.floor((a + b + c) / 3 + 0.5));
  const ground = resize({ width: w, height: h, values: coarse.map((value) => value + shift) }, w * step, h * step, 'bilinear');
  return values.map((value, i) => value - ground.values[Math.floor(i / width) * w * step + (i % width)]);
}

// A filter of windows of 2 * radius + 1, along rows, then along columns; edges are repeated.
function passes(values, width, height, radius, choose) {
  const along = (source, length, index) => source.map((_, i) => {
    const at = index(i);
    const window = [];
    for (let d = -radius; d <= radius; d += 1) window.push(source[at.base + Math.min(Math.max(at.place + d, 0), length - 1) * at.step]);
    return choose(window);
  });
  const rows = along(values, width, (i) => ({ base: i - (i % width), place: i % width, step: 1 }));
  return along(rows, height, (i) => ({ base: i % width, place: Math.floor(i / width), step: width }));
}
