// Words in running sound, as apps/speech/verbs/listen.py tells them: probabilities are averaged over half a second, a
// word is told when its mean passes the threshold, and then nothing more for half a second.
import { halfEven } from '../numbers.js';

const [AVERAGE, THRESHOLD, SUPPRESS, LEAST] = [0.5, 0.7, 0.5, 4]; // seconds, share, seconds, windows
const SILENT = ['silence', 'unknown']; // classes that are not words

export class Detector {
  // `stride`: seconds from one window of a second to the next.
  constructor(labels, stride) {
    Object.assign(this, { labels, stride, recent: [], windows: 0, blockedUntil: 0, last: '' });
  }

  // Probabilities of the next window, or null where it is too quiet -> {word, start, end, probability} or null.
  take(probabilities) {
    const now = 1 + this.windows * this.stride;
    this.windows += 1;
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
    if (now < this.blockedUntil || word === this.last) return null;
    [this.blockedUntil, this.last] = [now + SUPPRESS, word];
    return { word, start: now - 1, end: now, probability };
  }
}
