// Digits: draw one, and see the answer, what every layer makes of it, and how each cell is computed.
import { button, canvas, element } from '../dom.js';
import { percent, probabilities } from '../runtime.js';
import { bars } from '../views/bars.js';
import { diverging, grey, largest, paint } from '../views/colours.js';
import { mapGrid } from '../views/maps.js';
import { say } from '../words.js';
import { filterPanel, shortName } from './filter.js';
import { cropped, frame, SIZE } from './frame.js';
import { digitOf } from './ink.js';
import { occlusion } from './occlusion.js';
import { pad } from './pad.js';
import { greyOf } from './photo.js';

export function mount(root, network) {
  const { card } = network;
  const unlike = card.unlike === null ? [] : ['unlikeness'];
  const shown = bars(card.labels);
  const answer = element('p', { class: 'answer', 'aria-live': 'polite' }, say('nothing'));
  const seen = canvas(SIZE, SIZE, { role: 'img', 'aria-label': say('sees') });
  seen.style.width = '168px';
  const pen = pad(() => { photo = null; told.textContent = ''; pen.lay(null); schedule(); });
  const told = element('p', { class: 'soft', role: 'status' });
  const [fromFile, fromCamera] = [picker({ accept: 'image/*' }), picker({ accept: 'image/*', capture: 'environment' })];
  const speaks = button(say('occlusion'), () => { explaining = !explaining; speaks.setAttribute('aria-pressed', String(explaining)); schedule(); }, { 'aria-pressed': 'false' });
  const hint = element('p', { class: 'soft', hidden: true }, say('occlusionHint'));
  const panel = element('section', { hidden: true });
  const layers = element('section', {}, element('h2', {}, say('layers')), element('p', { class: 'soft' }, say('mapHint')));
  const grids = new Map();
  const pictures = {};
  let [explaining, waiting, selected, photo] = [false, false, null, null]; // photo: the pixels of a picture's digit

  root.append(
    element('div', { class: 'two' },
      element('section', {}, element('h2', {}, say('draw')), pen.root, element('p', { class: 'soft' }, say('drawHint')),
        element('div', { class: 'row' }, button(say('clear'), () => pen.clear()), speaks,
          button(say('openPicture'), () => fromFile.click()), fromFile,
          ...(matchMedia('(pointer: coarse)').matches ? [button(say('photograph'), () => fromCamera.click()), fromCamera] : [])),
        element('p', { class: 'soft' }, say('pictureHint')), told),
      element('section', {}, element('h2', {}, say('answer')), answer, shown.root,
        element('h3', {}, say('sees')), seen, hint)),
    panel, layers,
  );
  root.addEventListener('dragover', (event) => event.preventDefault());
  root.addEventListener('drop', (event) => { event.preventDefault(); open(event.dataTransfer.files[0]); });

  function picker(attributes) {
    const input = element('input', { type: 'file', hidden: true, 'aria-label': say('openPicture'), ...attributes });
    input.addEventListener('change', () => { open(input.files[0]); input.value = ''; });
    return input;
  }

  // A picture of a digit, framed as Python frames it.
  async function open(file) {
    if (!file) return;
    let grey = null;
    try {
      grey = await greyOf(file);
    } catch (error) { // of the browser's decoder
      if (!(error instanceof DOMException)) throw error;
    }
    const found = grey && digitOf(grey);
    pen.clear();
    photo = found;
    if (found) pen.lay(file);
    told.textContent = found ? say('pictureRead') : say(grey ? 'pictureEmpty' : 'pictureBad');
    schedule();
  }

  // At most one run a frame, of the newest drawing.
  function schedule() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(async () => { waiting = false; await update(); });
  }

  const logits = async (pixels, count) => {
    const { logits: { data } } = await network.run('uint8', pixels, [count, SIZE, SIZE], ['logits']);
    const classes = card.labels.length;
    return Array.from({ length: count }, (_, i) => probabilities(data.subarray(i * classes, (i + 1) * classes)));
  };

  async function update() {
    const ink = photo ? null : cropped(pen.ink());
    if (!ink && !photo) { nothing(); return; }
    const pixels = photo ?? frame(ink);
    const start = performance.now();
    const given = await network.run('uint8', pixels, [1, SIZE, SIZE], ['logits', ...unlike, ...card.layers]);
    const chances = probabilities(given.logits.data);
    const none = card.unlike !== null && given.unlikeness.data[0] > card.unlike;
    const best = chances.indexOf(Math.max(...chances));
    shown.update(chances);
    const words = { label: card.labels[best], percent: percent(chances[best]) };
    answer.textContent = say(none ? 'saysNone' : 'says', words);
    root.dataset.answer = none ? 'none of these' : card.labels[best];
    root.dataset.milliseconds = (performance.now() - start).toFixed(2);
    paint(seen.getContext('2d'), pixels, 0, SIZE, SIZE, { scale: 255, colour: grey });
    hint.hidden = !explaining;
    if (explaining) overlay(await occlusion(pixels, best, logits));
    for (const layer of card.layers) grid(layer, given[layer].dims).update(given[layer].data);
    if (selected) await select(selected.layer, selected.unit, { pixels, given });
    selected = selected && { ...selected, pixels, given };
    last = { pixels, given };
  }
  let last = null;

  function nothing() {
    answer.textContent = say('nothing');
    shown.update(null);
    seen.getContext('2d').clearRect(0, 0, SIZE, SIZE);
    for (const each of grids.values()) each.update(null);
    panel.hidden = true;
    [selected, last] = [null, null];
  }

  function overlay({ side, falls }) {
    const context = seen.getContext('2d');
    const scale = largest(falls);
    hint.textContent = say(scale < 0.005 ? 'occlusionNone' : 'occlusionHint');
    if (scale < 0.005) return;
    context.globalAlpha = 0.6;
    falls.forEach((fall, part) => {
      if (Math.abs(fall) < 0.1 * scale) return;
      const [r, g, b] = diverging(fall / scale);
      context.fillStyle = `rgb(${r} ${g} ${b})`;
      context.fillRect((part % side) * (SIZE / side), Math.floor(part / side) * (SIZE / side), SIZE / side, SIZE / side);
    });
    context.globalAlpha = 1;
  }

  function grid(layer, dims) {
    if (!grids.has(layer)) {
      const made = mapGrid(shortName(layer), dims.slice(1), (unit) => {
        for (const [name, other] of grids) if (name !== layer) other.clear();
        if (last) select(layer, unit, last);
      });
      grids.set(layer, made);
      layers.append(made.root);
    }
    return grids.get(layer);
  }

  async function select(layer, unit, { pixels, given }) {
    if (!card.windows[layer]) { panel.hidden = true; selected = null; return; }
    const names = [`${layer}:weight`, `${layer}:bias`].filter((name) => network.outputs.includes(name));
    const [constant, known] = await Promise.all([network.run('uint8', pixels, [1, SIZE, SIZE], names), picturesOf(layer)]);
    const before = card.layers[card.layers.indexOf(layer) - 1];
    const behind = card.layers[card.layers.indexOf(layer) + 1];
    const source = before ? { shape: given[before].dims.slice(1), values: given[before].data } : frontOf(pixels);
    selected = { layer, unit };
    panel.hidden = false;
    panel.replaceChildren(filterPanel({
      card, layer, unit, weight: constant[`${layer}:weight`], bias: constant[`${layer}:bias`], source,
      after: { shape: given[layer].dims.slice(1), values: given[layer].data }, pooled: card.pools[behind], known,
    }));
  }

  // Optima, and patches where the page has them: {kind: {values, shape}}, read once.
  async function picturesOf(layer) {
    const { kinds = [], shape } = card.filters[layer] ?? {};
    pictures[layer] ??= Promise.all(kinds.map(async (kind) => [kind, { values: await network.part(`${kind}.${layer}`), shape }]));
    return Object.fromEntries(await pictures[layer]);
  }

  // The pixels as the first filters see them.
  function frontOf(pixels) {
    const { scale, shift } = card.front;
    return { shape: [1, SIZE, SIZE], values: Float32Array.from(pixels, (value) => value * scale + shift) };
  }
}
