// Log-mel energies of sound, as apps/speech/signal/frames.py has them: windows of 30 ms every 10 ms, 40 mel bands.
import { RATE } from './resample.js';

export const [HOP, POINTS, BANDS] = [160, 512, 40]; // samples, samples, bands
const WINDOW = 480;
const BINS = POINTS / 2 + 1;

const HANN = Float64Array.from({ length: POINTS }, (_, i) => {
  const at = i - (POINTS - WINDOW) / 2;
  return at >= 0 && at < WINDOW ? 0.5 - 0.5 * Math.cos((2 * Math.PI * at) / WINDOW) : 0;
});
const COS = Float64Array.from({ length: POINTS / 2 }, (_, i) => Math.cos((2 * Math.PI * i) / POINTS));
const SIN = Float64Array.from({ length: POINTS / 2 }, (_, i) => Math.sin((2 * Math.PI * i) / POINTS));

// Triangles on the HTK mel scale, of each band [bin, weight] pairs.
const FILTERS = (() => {
  const top = 2595 * Math.log10(1 + RATE / 2 / 700);
  const edges = Array.from({ length: BANDS + 2 }, (_, i) => 700 * (10 ** ((top * i) / (BANDS + 1) / 2595) - 1));
  return Array.from({ length: BANDS }, (_, band) => Array.from({ length: BINS }, (_unused, bin) => {
    const hertz = (bin * RATE) / POINTS;
    const [rise, fall] = [(hertz - edges[band]) / (edges[band + 1] - edges[band]), (edges[band + 2] - hertz) / (edges[band + 2] - edges[band + 1])];
    return [bin, Math.max(0, Math.min(rise, fall))];
  }).filter(([, weight]) => weight > 0));
})();

// Fast Fourier transform in place (Cooley & Tukey 1965).
function transform(real, imaginary) {
  for (let i = 1, j = 0; i < POINTS; i += 1) {
    let bit = POINTS >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) [real[i], real[j], imaginary[i], imaginary[j]] = [real[j], real[i], imaginary[j], imaginary[i]];
  }
  for (let size = 2; size <= POINTS; size *= 2) {
    for (let start = 0; start < POINTS; start += size) {
      for (let k = 0; k < size / 2; k += 1) {
        const [cos, sin] = [COS[(k * POINTS) / size], -SIN[(k * POINTS) / size]];
        const [a, b] = [start + k, start + k + size / 2];
        const [r, i] = [real[b] * cos - imaginary[b] * sin, real[b] * sin + imaginary[b] * cos];
        [real[b], imaginary[b]] = [real[a] - r, imaginary[a] - i];
        [real[a], imaginary[a]] = [real[a] + r, imaginary[a] + i];
      }
    }
  }
}

const real = new Float64Array(POINTS);
const imaginary = new Float64Array(POINTS);

// Log-mel energies (40,) of the frame of 512 int16 samples from `start` on; at(i) gives a sample.
export function frame(at, start, floor) {
  imaginary.fill(0);
  for (let i = 0; i < POINTS; i += 1) real[i] = (at(start + i) / 32768) * HANN[i];
  transform(real, imaginary);
  return Float32Array.from(FILTERS, (filter) => Math.log(floor + filter.reduce((sum, [bin, weight]) => sum + weight * (real[bin] ** 2 + imaginary[bin] ** 2), 0)));
}

// All frames of a recording, the first centred on its first sample; beyond its ends it is mirrored.
export function logMel(samples, floor) {
  const last = samples.length - 1;
  const at = (i) => samples[i < 0 ? -i : i > last ? 2 * last - i : i] ?? 0;
  return Array.from({ length: Math.floor(samples.length / HOP) + 1 }, (_, i) => frame(at, i * HOP - POINTS / 2, floor));
}
