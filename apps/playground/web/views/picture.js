// One small picture with a caption: a filter, an optimum, a patch, a map.
import { canvas, element } from '../dom.js';
import { bright, diverging, largest, paint } from './colours.js';

// values (height, width) from `offset`; `signed` values are blue and orange, others bright on black.
export function picture(values, [height, width], caption, { offset = 0, signed = false, side = 140, top = 0 } = {}) {
  const part = values.subarray ? values.subarray(offset, offset + height * width) : values.slice(offset, offset + height * width);
  const sheet = canvas(width, height, { role: 'img', 'aria-label': caption });
  sheet.style.width = `${(side * width) / Math.max(width, height)}px`;
  paint(sheet.getContext('2d'), part, 0, width, height, { scale: top || largest(part), colour: signed ? diverging : bright });
  return { root: element('figure', {}, sheet, element('figcaption', {}, caption)), sheet };
}

// A table of numbers on the colours of their values: the cells of a patch, a filter, a product.
export function cells(values, [height, width], caption, signed = true) {
  const scale = largest(values);
  const rows = Array.from({ length: height }, (_, y) => element('tr', {}, ...Array.from({ length: width }, (_unused, x) => {
    const value = values[y * width + x];
    const share = scale > 0 ? value / scale : 0;
    const [r, g, b] = (signed ? diverging : bright)(share);
    const cell = element('td', {}, short(value));
    cell.style.background = `rgb(${r | 0} ${g | 0} ${b | 0})`;
    cell.style.color = 0.3 * r + 0.59 * g + 0.11 * b > 140 ? '#111' : '#fff';
    return cell;
  })));
  return element('figure', {}, element('div', { class: 'scroll' }, element('table', { class: 'cells' }, ...rows)),
    element('figcaption', {}, caption));
}

export function short(value) {
  const size = Math.abs(value);
  if (size !== 0 && size < 0.005) return value < 0 ? '-0.00' : '0.00';
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2);
}
