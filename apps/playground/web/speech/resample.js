// From one sampling rate to another by windowed sinc interpolation (Smith 1984), with the filter of torchaudio, as
// apps/speech/signal/audio.py does it; of a whole recording, or of a stream piece by piece.

export const RATE = 16000; // Hz
const ZEROS = 6; // of the sinc, to either side
const ROLLOFF = 0.99;
const PHASES = 640; // more of them are rounded away

const divisor = (a, b) => (b ? divisor(b, a % b) : a);

export class Resampler {
  constructor(rate, target = RATE) {
    let [from, to] = [rate, target];
    if (to / divisor(from, to) > PHASES) [from, to] = [from, to].map((value) => Math.max(Math.round(value / 25), 1) * 25);
    const common = divisor(from, to);
    this.period = from / common; // samples in which `phases` samples are made
    this.phases = to / common;
    this.filters = Array.from({ length: this.phases }, (_, phase) => filter(phase, this.period, this.phases));
    this.kept = new Float32Array(0);
    [this.first, this.received, this.made] = [0, 0, 0]; // number of the first sample that is kept; counts
  }

  // The next samples -> all new ones that they decide.
  push(samples) {
    const all = new Float32Array(this.kept.length + samples.length);
    all.set(this.kept);
    all.set(samples, this.kept.length);
    this.kept = all;
    this.received += samples.length;
    return this.make(Infinity);
  }

  // The rest, as if silence followed.
  flush() {
    const total = Math.ceil((this.phases * this.received) / this.period);
    const real = this.received;
    this.received = Infinity;
    const rest = this.make(total);
    this.received = real;
    return rest;
  }

  make(total) {
    const found = [];
    const { period, phases, filters, kept, first } = this;
    while (this.made < total) {
      const begin = Math.floor(this.made / phases) * period;
      const { start, weights } = filters[this.made % phases];
      if (begin + start + weights.length > this.received) break;
      const from = begin + start - first;
      let sum = 0;
      for (let i = Math.max(-from, 0); i < weights.length && from + i < kept.length; i += 1) sum += weights[i] * kept[from + i];
      found.push(sum);
      this.made += 1;
    }
    const needed = Math.floor(this.made / phases) * period + Math.min(...filters.map(({ start }) => start));
    const gone = Math.min(Math.max(needed - first, 0), kept.length);
    this.kept = kept.subarray(gone);
    this.first = first + gone;
    return Float32Array.from(found);
  }
}

// Weights of the samples from `start` on, counted from the first one of the period.
function filter(phase, period, phases) {
  if (period === phases) return { start: 0, weights: [1] };
  const base = Math.min(period, phases) * ROLLOFF;
  const width = Math.ceil((ZEROS * period) / base);
  const single = Math.fround; // torchaudio computes the filter's places in single precision
  const weights = [];
  let start = -width;
  for (let k = 0; k < 2 * width + period; k += 1) {
    const t = single(single(single(-phase / phases) + single((k - width) / period)) * single(base));
    if (Math.abs(t) >= ZEROS) {
      if (!weights.length) start = k - width + 1;
      continue;
    }
    const sinc = t === 0 ? 1 : Math.sin(Math.PI * t) / (Math.PI * t);
    weights.push((sinc * Math.cos((Math.PI * t) / (2 * ZEROS)) ** 2 * base) / period);
  }
  return { start, weights };
}

// A whole recording.
export function resample(samples, rate) {
  if (rate === RATE) return samples;
  const resampler = new Resampler(rate);
  const [most, rest] = [resampler.push(samples), resampler.flush()];
  const all = new Float32Array(most.length + rest.length);
  all.set(most);
  all.set(rest, most.length);
  return all;
}
