// All maps of a layer on one canvas; one of them is chosen by pointer or arrow keys.
import { canvas, element } from '../dom.js';
import { say } from '../words.js';
import { bright, diverging, fill, largest } from './colours.js';

const GAP = 1; // between maps, in their own pixels
const TILE = 42; // side of a map on the screen, at least
const WIDE = Math.min(1100, globalThis.innerWidth - 70); // of all of a row

// choose(unit) is called when a map is chosen; without it they are only shown. Of `group` maps that belong together rows hold all, where there is room.
export function mapGrid(name, shape, choose = null, group = 1) {
  const [count, height, width] = shape.length === 3 ? shape : [shape[0], 1, 1];
  const spatial = shape.length === 3;
  const zoom = spatial ? Math.max(2, Math.round(TILE / Math.max(width, height))) : TILE / 2;
  const fitting = Math.min(count, Math.max(4, Math.floor(WIDE / (zoom * (width + GAP)))));
  const columns = fitting < group ? fitting : fitting - (fitting % group);
  const rows = Math.ceil(count / columns);
  const sheet = canvas(columns * (width + GAP) + GAP, rows * (height + GAP) + GAP, { tabindex: choose ? 0 : null, role: 'img' });
  sheet.style.width = `${sheet.width * zoom}px`;
  const context = sheet.getContext('2d');
  const image = context.createImageData(sheet.width, sheet.height);
  let chosen = -1;
  let shown = null;
  const corner = (unit) => [(unit % columns) * (width + GAP) + GAP, Math.floor(unit / columns) * (height + GAP) + GAP];

  function draw() {
    image.data.fill(0);
    if (!shown) { context.putImageData(image, 0, 0); return; }
    const scale = largest(shown);
    const colour = shown.some((value) => value < 0) ? diverging : bright;
    for (let unit = 0; unit < count; unit += 1) {
      const [x, y] = corner(unit);
      fill(image, shown, unit * height * width, width, height, { x, y, scale, colour });
    }
    context.putImageData(image, 0, 0);
    if (chosen >= 0) {
      const [x, y] = corner(chosen);
      context.strokeStyle = '#ff9d2e';
      context.strokeRect(x - 0.5, y - 0.5, width + 1, height + 1); // in the gap around it
    }
    label();
  }
  function label() {
    const title = spatial ? say('layer', { name, count, height, width }) : say('vector', { name, count });
    sheet.setAttribute('aria-label', chosen < 0 ? title : `${title}; ${say('filter', { layer: name, unit: chosen })}`);
  }
  function pick(unit) {
    if (!choose || unit < 0 || unit >= count) return;
    chosen = unit;
    draw();
    choose(unit);
  }
  sheet.addEventListener('click', (event) => {
    const box = sheet.getBoundingClientRect();
    const column = Math.floor(((event.clientX - box.left) / box.width) * columns);
    const row = Math.floor(((event.clientY - box.top) / box.height) * rows);
    pick(row * columns + column);
  });
  sheet.addEventListener('keydown', (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    pick(Math.max(chosen, 0) + (chosen < 0 ? 0 : step));
  });
  label();
  const title = spatial ? say('layer', { name, count, height, width }) : say('vector', { name, count });
  return {
    root: element('div', { class: 'maps' }, element('h3', {}, title), element('div', { class: 'scroll' }, sheet)),
    update(values) { shown = values; draw(); },
    clear() { chosen = -1; draw(); },
  };
}

// Maps (1, C, H, W) whose first row belongs at the bottom, as a board's or a spectrogram's does.
export function upright(data, [, count, height, width]) {
  const turned = new Float32Array(data.length);
  for (let row = 0; row < count * height; row += 1) {
    const unit = Math.floor(row / height);
    turned.set(data.subarray(row * width, (row + 1) * width), (unit * height + height - 1 - (row % height)) * width);
  }
  return turned;
}
