// Words in running sound, as apps/speech/detection/detector.py tells them: probabilities are averaged over half a second;
// a word begins when its mean passes the threshold, and then none for half a second; it is told at its mean's peak.
import { halfEven } from '../numbers.js';

const [AVERAGE, THRESHOLD, SUPPRESS, LEAST] = [0.5, 0.7, 0.5, 4]; // seconds, share, seconds, windows
const [SETTLED, PATIENCE] = [0.09, 0.5]; // seconds without a higher mean, and after the crossing, that end a word
const SILENT = ['silence', 'unknown']; // classes that are not words

export class Detector {
  // `stride`: seconds from one window of a second to the next.
  constructor(labels, stride) {
    Object.assign(this, { labels, stride, recent: [], windows: 0, blockedUntil: 0, last: '', above: null });
  }

  // Where the last window ends.
  get now() { return 1 + (this.windows - 1) * this.stride; }

  // Probabilities of the next window, or null where it is too quiet -> {word, start, end, probability} or null.
  take(probabilities) {
    this.windows += 1;
    const { now } = this;
    this.above = null; // the word whose mean is above the threshold after this window, and the mean
    this.recent.push([now, probabilities ?? this.labels.map(() => 0)]);
    this.recent = this.recent.filter(([time]) => time > now - AVERAGE - 1e-9);
    if (this.recent.length < Math.min(LEAST, Math.max(halfEven(AVERAGE / this.stride), 1))) return null;
    const mean = this.labels.map((_, c) => this.recent.reduce((sum, [, each]) => sum + each[c], 0) / this.recent.length);
    const probability = Math.max(...mean);
    const word = this.labels[mean.indexOf(probability)];
    if (probability < THRESHOLD || SILENT.includes(word)) {
      this.last = ''; // the word is over: the same one may come again
      return null;
    }
    this.above = { word, mean: probability };
    if (now < this.blockedUntil || word === this.last) return null;
    [this.blockedUntil, this.last] = [now + SUPPRESS, word];
    return { word, start: now - 1, end: now, probability };
  }
}

// The same words, each with the probability and the place of its peak, told once the peak lies behind.
export class Teller {
  constructor(labels, stride) {
    const averaged = Math.max(Math.floor((AVERAGE + 1e-9) / stride) + 1, 1); // windows in a mean
    Object.assign(this, { detector: new Detector(labels, stride), lag: ((averaged - 1) * stride) / 2, open: null });
  }

  get windows() { return this.detector.windows; }

  // Probabilities as Detector takes them -> the words that are over with this window, at most two.
  take(probabilities) {
    const crossing = this.detector.take(probabilities);
    const { now, above } = this.detector;
    const found = [];
    if (this.open) {
      if (!above || above.word !== this.open.word || crossing) found.push(...this.finish());
      else {
        if (above.mean > this.open.peak) Object.assign(this.open, { peaked: now, peak: above.mean });
        if (now >= this.open.peaked + SETTLED - 1e-9 || now >= this.open.crossed + PATIENCE - 1e-9) found.push(...this.finish());
      }
    }
    if (crossing) this.open = { word: crossing.word, crossed: now, peaked: now, peak: crossing.probability };
    return found;
  }

  // The word of which the peak may still have been to come, in a list.
  finish() {
    if (!this.open) return [];
    const { word, peaked, peak } = this.open;
    this.open = null;
    const middle = Math.max(peaked - 0.5 - this.lag, 0.5);
    return [{ word, start: middle - 0.5, end: middle + 0.5, probability: peak }];
  }
}
