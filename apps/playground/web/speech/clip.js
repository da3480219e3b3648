// Samples as the network takes them, as apps/speech/signal/audio.py makes them: one second of int16.
import { halfEven } from '../numbers.js';

export const LENGTH = 16000; // samples of a clip
const PIECE = 1600; // samples whose level is told: 100 ms

// Floats in -1..1; louder ones are clipped.
export function toInt16(samples) {
  return Int16Array.from(samples, (value) => halfEven(Math.min(Math.max(value * 32768, -32768), 32767)));
}

// The mean of channels, or the loudest one where they cancel each other.
export function mix(channels) {
  if (channels.length === 1) return channels[0];
  const mean = Float32Array.from(channels[0], (_, i) => channels.reduce((sum, channel) => sum + channel[i], 0) / channels.length);
  const energies = channels.map(energy);
  const total = energies.reduce((sum, value) => sum + value, 0);
  return energy(mean) >= (0.1 * total) / channels.length ** 2 ? mean : channels[energies.indexOf(Math.max(...energies))];
}

const energy = (samples) => samples.reduce((sum, value) => sum + value * value, 0);

// (LENGTH,) of any number of samples: the loudest stretch of a longer recording; a shorter one between zeros, the
// middle of its energy in the middle as far as possible.
export function fitClip(samples) {
  const count = samples.length;
  if (count === LENGTH) return samples;
  const sums = new Float64Array(count + 1);
  for (let i = 0; i < count; i += 1) sums[i + 1] = sums[i] + samples[i] * samples[i];
  if (count > LENGTH) {
    const start = loudest(sums, count - LENGTH + 1);
    return samples.slice(start, start + LENGTH);
  }
  const total = sums[count];
  const middle = total ? sums.findIndex((sum) => sum >= total / 2) : Math.floor(count / 2);
  const clip = new Int16Array(LENGTH);
  clip.set(samples, Math.min(Math.max(LENGTH / 2 - middle, 0), LENGTH - count));
  return clip;
}

// Where the loudest stretch begins; of many places the middle one.
function loudest(sums, places) {
  let most = 0;
  for (let i = 0; i < places; i += 1) most = Math.max(most, sums[i + LENGTH] - sums[i]);
  const best = [];
  for (let i = 0; i < places; i += 1) if (sums[i + LENGTH] - sums[i] >= most * (1 - 1e-9)) best.push(i);
  return best[Math.floor(best.length / 2)];
}

// Level in dB of full scale of the loudest 100 ms of int16 samples.
export function loudness(samples) {
  let most = 0;
  for (let start = 0; start + PIECE <= samples.length; start += PIECE) {
    most = Math.max(most, energy(Float64Array.from(samples.subarray(start, start + PIECE), (value) => value / 32768)) / PIECE);
  }
  return 10 * Math.log10(most + 1e-12);
}
