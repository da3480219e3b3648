// A layer without a plane of its own: channels down, time across, on one canvas.
import { canvas, element } from '../dom.js';
import { say } from '../words.js';
import { bright, diverging, largest, paint } from './colours.js';

export function channels(title, count, width) {
  const sheet = canvas(width, count, { role: 'img', 'aria-label': title, class: 'channels' });
  return {
    root: element('div', { class: 'maps' }, element('h3', {}, title), sheet),
    update(values) {
      const colour = values.some((value) => value < 0) ? diverging : bright;
      paint(sheet.getContext('2d'), values, 0, width, count, { scale: largest(values), colour });
    },
  };
}

export function channelsTitle(name, count, width) {
  return say('channels', { name, count, width });
}
