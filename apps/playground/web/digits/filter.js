// One filter: its weights, what it wants to see, the training patch that excites it most, its map, one cell's arithmetic.
import { element } from '../dom.js';
import { cellOf } from '../views/convolution.js';
import { largest } from '../views/colours.js';
import { cells, picture, short } from '../views/picture.js';
import { say } from '../words.js';

const SHOWN = 3; // maps of the layer before whose products are written out

// `source` and `after` are {shape, values}: what the layer takes, and what it gives. `pooled` tells the pool behind it;
// `known` are pictures by their kind, {values, shape: [units, height, width]}.
export function filterPanel({ card, layer, unit, weight, bias, source, after, pooled, known }) {
  const windows = card.windows[layer];
  const [, height, width] = after.shape;
  const [count, kh, kw] = weight.dims.slice(1);
  const arithmetic = element('div', { 'aria-live': 'polite' });
  const top = largest(after.values);
  const map = picture(after.values, [height, width], say('map'), { offset: unit * height * width, side: 200, top });
  map.sheet.setAttribute('tabindex', 0);

  let cell = strongest(after.values.subarray(unit * height * width, (unit + 1) * height * width), width);
  function show() {
    const { channels, bias: own, total } = cellOf(source, weight, bias, unit, cell, windows);
    const order = [...channels].sort((a, b) => Math.abs(b.sum) - Math.abs(a.sum)).slice(0, SHOWN);
    const sum = total - own;
    const value = after.values[(unit * height + cell[0]) * width + cell[1]];
    arithmetic.replaceChildren(
      element('h3', {}, say('cell', { row: cell[0] + 1, column: cell[1] + 1 })),
      count > 1 ? element('p', { class: 'soft' }, say('sumChannels', { count })) : '',
      ...order.map(({ channel, patch, weights, product, sum: part }) => element('div', { class: 'row' },
        cells(patch, [kh, kw], `${say('patchHere')}${count > 1 ? ` (${channel})` : ''}`, false),
        cells(weights, [kh, kw], '×'), cells(product, [kh, kw], `= ${say('product')}; Σ ${short(part)}`))),
      element('p', {}, say('arithmetic', { sum: short(sum), bias: short(own), before: short(total), after: short(value) })),
      pooled ? element('p', {}, pooledLine(pooled, after, unit, cell)) : '',
    );
    arithmetic.dataset.total = String(total);
    arithmetic.dataset.after = String(value);
  }
  map.sheet.addEventListener('click', (event) => {
    const box = map.sheet.getBoundingClientRect();
    cell = [Math.floor(((event.clientY - box.top) / box.height) * height), Math.floor(((event.clientX - box.left) / box.width) * width)];
    show();
  });
  map.sheet.addEventListener('keydown', (event) => {
    const move = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    if (!move) return;
    event.preventDefault();
    cell = [Math.min(Math.max(cell[0] + move[0], 0), height - 1), Math.min(Math.max(cell[1] + move[1], 0), width - 1)];
    show();
  });
  show();
  return element('div', {}, element('h2', {}, say('filter', { layer: shortName(layer), unit })),
    element('div', { class: 'row' }, ...pictures(known, unit, weight, source, cell, windows, bias), map.root), arithmetic);
}

function pictures(known, unit, weight, source, cell, windows, bias) {
  const [count, kh, kw] = weight.dims.slice(1);
  let channel = 0;
  if (count > 1) {
    const { channels } = cellOf(source, weight, bias, unit, cell, windows);
    channel = channels.reduce((best, each) => (Math.abs(each.sum) > Math.abs(best.sum) ? each : best)).channel;
  }
  const caption = count > 1 ? say('weightsOf', { channel }) : say('weights');
  const shown = [picture(weight.data, [kh, kw], caption, { offset: (unit * count + channel) * kh * kw, signed: true }).root];
  for (const [key, words] of [['optima', 'optimum'], ['patches', 'patch']]) {
    if (!known[key]) continue;
    const { shape: [, h, w], values } = known[key];
    shown.push(picture(values, [h, w], say(words), { offset: unit * h * w, top: 255 }).root);
  }
  return shown;
}

function pooledLine({ kernel, stride }, after, unit, [row, column]) {
  const [, height, width] = after.shape;
  const [top, left] = [Math.floor(row / stride[0]) * stride[0], Math.floor(column / stride[1]) * stride[1]];
  let value = -Infinity;
  for (let y = top; y < Math.min(top + kernel[0], height); y += 1) {
    for (let x = left; x < Math.min(left + kernel[1], width); x += 1) value = Math.max(value, after.values[(unit * height + y) * width + x]);
  }
  return say('pooled', { count: kernel[0] * kernel[1], value: short(value) });
}

function strongest(map, width) {
  let best = 0;
  map.forEach((value, i) => { if (value > map[best]) best = i; });
  return [Math.floor(best / width), best % width];
}

export function shortName(layer) {
  return layer.slice(layer.lastIndexOf('.') + 1);
}
