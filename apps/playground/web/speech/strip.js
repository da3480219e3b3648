// A spectrogram that rolls: the newest sound at the right, low sounds at the bottom.
import { canvas } from '../dom.js';
import { bright } from '../views/colours.js';
import { say } from '../words.js';
import { BANDS, frame, HOP, POINTS } from './spectrum.js';

const COLUMNS = 300; // frames of 10 ms
const FLOOR = 1e-6;
const [DARK, LIGHT] = [-10, 7]; // log energies

export function strip() {
  const sheet = canvas(COLUMNS, BANDS, { class: 'strip', role: 'img', 'aria-label': say('spectrogram') });
  const context = sheet.getContext('2d');
  let rest = new Int16Array(0);

  function clear(columns = COLUMNS) {
    sheet.width = columns;
    context.fillStyle = '#000';
    context.fillRect(0, 0, columns, BANDS);
    rest = new Int16Array(0);
  }

  // Add int16 samples; what does not fill a frame waits for those that follow.
  function add(samples) {
    const all = new Int16Array(rest.length + samples.length);
    all.set(rest);
    all.set(samples, rest.length);
    const count = Math.max(Math.floor((all.length - POINTS) / HOP) + 1, 0);
    const shown = Math.min(count, sheet.width);
    if (shown) {
      const image = context.createImageData(shown, BANDS);
      for (let column = 0; column < shown; column += 1) {
        frame((i) => all[i], (count - shown + column) * HOP, FLOOR).forEach((value, band) => {
          image.data.set([...bright((value - DARK) / (LIGHT - DARK)), 255], 4 * ((BANDS - 1 - band) * shown + column));
        });
      }
      context.drawImage(sheet, -shown, 0);
      context.putImageData(image, sheet.width - shown, 0);
    }
    rest = all.slice(count * HOP);
  }
  clear();
  return { root: sheet, add, clear, columnsOf: (samples) => Math.max(Math.floor((samples.length - POINTS) / HOP) + 1, 1) };
}
