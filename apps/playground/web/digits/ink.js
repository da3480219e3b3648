// The ink of a digit in a photo, scan or drawing, found as apps/digits/frame.py finds it, and laid into MNIST's form.
import { halfEven } from '../numbers.js';
import { cropped, frame, SIZE } from './frame.js';
import { flattened, median, surface } from './ground.js';
import { mainPieces, withoutFrames } from './pieces.js';
import { resize } from './resize.js';

const WORKING = 512; // longest side on which ink is looked for
const BOX = 20;
const LEAST_CONTRAST = 14; // grey levels of 255 by which ink differs from paper

// {width, height, values: 0 to 255} of any polarity -> Uint8Array of 28 x 28, or null where no ink is found.
export function digitOf(whole) {
  let grey = shrunk(whole);
  for (const values of [grey.values, grey.values.map((value) => 255 - value)]) {
    if (isPrepared({ ...grey, values })) return Uint8Array.from(values, halfEven);
  }
  const paper = paperOfCrop(grey);
  if (paper !== null) grey = padded(grey, Math.floor(Math.max(grey.width, grey.height) / 8), paper);
  const ink = inkOf(grey);
  const found = ink && cropped(ink);
  return found && frame(found);
}

function shrunk(picture) {
  const factor = Math.max(picture.width, picture.height) / WORKING;
  if (factor <= 1) return picture;
  const [width, height] = [picture.width, picture.height].map((side) => Math.max(1, halfEven(side / factor)));
  return resize(picture, width, height, 'box');
}

function padded({ width, height, values }, margin, value) {
  const wide = width + 2 * margin;
  const all = new Float32Array(wide * (height + 2 * margin)).fill(value);
  for (let row = 0; row < height; row += 1) all.set(values.subarray(row * width, (row + 1) * width), (row + margin) * wide + margin);
  return { width: wide, height: height + 2 * margin, values: all };
}

const most = (values) => values.reduce((best, value) => Math.max(best, value), -Infinity);
const least = (values) => values.reduce((best, value) => Math.min(best, value), Infinity);

// Whether the picture is in MNIST's form: 28 x 28, black ground, box of 20, centre of mass in the middle.
function isPrepared({ width, height, values }) {
  if (width !== SIZE || height !== SIZE || median(values) > 0 || most(values) < 128) return false;
  const box = cropped({ width, height, values });
  let [total, down, across] = [0, 0, 0];
  values.forEach((value, i) => {
    total += value;
    down += value * Math.floor(i / SIZE);
    across += value * (i % SIZE);
  });
  return Math.max(box.width, box.height) <= BOX && [down, across].every((sum) => Math.abs(sum / total - SIZE / 2) <= 1);
}

// Brightness of the paper in a picture that is cropped to its ink, else null: two brightnesses (Otsu 1979), of which the
// rarer lies on all four edges, but not along most of them.
function paperOfCrop({ width, height, values }) {
  const counts = new Float64Array(64);
  for (const value of values) counts[Math.min(Math.floor((value * 64) / 255), 63)] += 1;
  const levels = counts.map((_, i) => (255 * (i + 0.5)) / 64);
  const total = values.length;
  const mean = counts.reduce((sum, count, i) => sum + count * levels[i], 0) / total;
  const spread = counts.reduce((sum, count, i) => sum + count * (levels[i] - mean) ** 2, 0) / total;
  let [below, sums, best, place] = [0, 0, 0, 0];
  for (let i = 0; i < 63; i += 1) {
    below += counts[i];
    sums += counts[i] * levels[i];
    const between = below && below < total ? (mean * below - sums) ** 2 / (below * (total - below)) : 0;
    if (between > best) [best, place] = [between, i];
  }
  if (spread < LEAST_CONTRAST ** 2 || best < 0.85 * spread) return null;
  const limit = (255 * (place + 1)) / 64;
  const dark = Array.from(values, (value) => value < limit);
  const isPaper = dark.filter(Boolean).length / total > 0.5 ? dark : dark.map((each) => !each);
  const across = Array.from({ length: width }, (_, x) => x);
  const down = Array.from({ length: height }, (_, y) => y);
  const sides = [across, across.map((x) => (height - 1) * width + x), down.map((y) => y * width), down.map((y) => y * width + width - 1)]
    .map((points) => points.map((point) => !isPaper[point]));
  const edge = sides.flat();
  if (!sides.every((side) => side.includes(true)) || edge.filter(Boolean).length / edge.length > 0.7) return null;
  return median(values.filter((_, i) => isPaper[i]));
}

// Ink, 0 to 1, of a grey picture; null where nothing stands out of the ground.
function inkOf(grey) {
  const { width, height } = grey;
  if (Math.min(width, height) < 3) return null;
  const ground = surface(grey);
  let signal = blurred({ width, height, values: grey.values.map((value, i) => value - ground[i]) });
  if (-least(signal) >= most(signal)) signal = signal.map((value) => -value);
  let level = paperNoise(signal);
  if (level > Math.max(4, 3 * grain(signal, width))) { // the edge of a shadow, which no smooth surface follows
    signal = flattened({ width, height, values: signal });
    level = paperNoise(signal);
  }
  const top = 0.6 * most(signal);
  const peak = median(signal.filter((value) => value >= top));
  if (peak < Math.max(LEAST_CONTRAST, 7 * level)) return null;
  const floor = Math.max(0.18 * peak, 3.5 * level);
  const limit = Math.max(0.4 * peak, floor);
  const mask = withoutFrames(mainPieces(Uint8Array.from(signal, (value) => (value > limit ? 1 : 0)), width, height), width, height);
  if (!mask.includes(1)) return null;
  const near = grown(mask, width, height, 2);
  return { width, height, values: signal.map((value, i) => (near[i] ? Math.min(Math.max((value - floor) / (0.92 * peak - floor), 0), 1) : 0)) };
}

// Binomial 3 x 3 filter; not of small pictures, in which a stroke may be one pixel wide.
function blurred({ width, height, values }) {
  if (Math.max(width, height) <= 100) return values;
  const last = (height - 1) * width;
  const rows = values.map((value, i) => values[i < width ? i : i - width] + 2 * value + values[i < last ? i + width : i]);
  return rows.map((value, i) => {
    const column = i % width;
    return (rows[column ? i - 1 : i] + 2 * value + rows[column < width - 1 ? i + 1 : i]) / 16;
  });
}

// Standard deviation of the paper, robustly; the ink, which may fill most of the picture, is left out.
function paperNoise(signal) {
  const limit = 0.4 * most(signal);
  const paper = signal.filter((value) => value < limit);
  if (!paper.length) return 0;
  const middle = median(paper);
  return 1.4826 * median(paper.map((value) => Math.abs(value - middle)));
}

// Standard deviation of the noise alone, from differences between pixels that lie close together.
function grain(signal, width) {
  const differences = width > 3 ? signal.filter((_, i) => i % width >= 3).map((value, i) => {
    const at = Math.floor(i / (width - 3)) * width + (i % (width - 3));
    return value - signal[at];
  }) : signal;
  return (1.4826 / Math.SQRT2) * median(differences.map(Math.abs));
}

function grown(mask, width, height, radius) {
  const near = new Uint8Array(mask.length);
  mask.forEach((set, i) => {
    if (!set) return;
    const [row, column] = [Math.floor(i / width), i % width];
    for (let y = Math.max(row - radius, 0); y <= Math.min(row + radius, height - 1); y += 1) {
      near.fill(1, y * width + Math.max(column - radius, 0), y * width + Math.min(column + radius, width - 1) + 1);
    }
  });
  return near;
}
