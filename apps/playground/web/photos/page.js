// Photos: a picture from a file or the camera, the answer, what every layer makes of it, which parts speak for it.
import { button, canvas, element } from '../dom.js';
import { percent, probabilities } from '../runtime.js';
import { bars } from '../views/bars.js';
import { diverging, largest } from '../views/colours.js';
import { mapGrid } from '../views/maps.js';
import { say } from '../words.js';
import { openCamera, readPicture } from './camera.js';
import { framed } from './frame.js';
import { gallery, paintColour } from './gallery.js';
import { occlusion, STEPS } from './occlusion.js';

const SHOWN = 64; // maps of a layer
const MANY = 12; // classes that are shown as bars
const LEAST = 0.005; // fall of the probability that is shown
const BEAT = 120; // milliseconds between two pictures of the camera

// Gives what stops the camera.
export function mount(root, network) {
  const { card } = network;
  const { side, labels } = card;
  const unlike = card.unlike === null ? [] : ['unlikeness'];
  const shown = bars(labels, MANY);
  const answer = element('p', { class: 'answer', 'aria-live': 'polite' }, say('openFirst'));
  const told = element('p', { class: 'soft', role: 'status' });
  const sheet = canvas(side, side, { role: 'img', 'aria-label': say('sees'), class: 'photo' });
  const speaks = button(say('occlusion'), () => { explaining = !explaining; speaks.setAttribute('aria-pressed', String(explaining)); draw(); }, { 'aria-pressed': 'false' });
  const plain = button(say('mapAway'), () => { selected = null; grids.forEach((each) => each.clear()); draw(); }, { hidden: true });
  const hint = element('p', { class: 'soft', hidden: true }, say('occlusionHint'));
  const watch = button(say('camera'), () => (camera ? stop() : start()), { 'aria-pressed': 'false' });
  const [file, shot] = [picker({}), picker({ capture: 'environment' })];
  const layers = element('section', {}, element('h2', {}, say('layers')), element('p', { class: 'soft' }, say('mapPhotoHint')));
  const grids = new Map();
  let [explaining, selected, camera, newest, last] = [false, null, null, 0, null];

  root.append(
    element('div', { class: 'two' },
      element('section', {}, element('h2', {}, say('showPicture')), sheet,
        element('div', { class: 'row' }, button(say('openPicture'), () => file.click()), file, watch,
          ...(matchMedia('(pointer: coarse)').matches ? [button(say('photograph'), () => shot.click()), shot] : []), speaks, plain),
        element('p', { class: 'soft' }, say('pictureHint')), hint, told),
      element('section', {}, element('h2', {}, say('answer')), answer, shown.root)),
    layers, gallery(network),
  );
  root.addEventListener('dragover', (event) => event.preventDefault());
  root.addEventListener('drop', (event) => { event.preventDefault(); open(event.dataTransfer.files[0]); });

  function picker(attributes) {
    const input = element('input', { type: 'file', accept: 'image/*', hidden: true, 'aria-label': say('openPicture'), ...attributes });
    input.addEventListener('change', () => { open(input.files[0]); input.value = ''; });
    return input;
  }

  async function open(given) {
    if (!given) return;
    stop();
    try {
      await look(await readPicture(given));
    } catch (error) {
      if (!(error instanceof DOMException)) throw error; // of the browser's decoder
      told.textContent = say('pictureBad');
    }
  }

  const answers = async (pixels, count) => {
    const { logits: { data } } = await network.run('uint8', pixels, [count, 3, side, side], ['logits']);
    return Array.from({ length: count }, (_, i) => probabilities(data.subarray(i * labels.length, (i + 1) * labels.length)));
  };

  async function look(picture) {
    newest += 1;
    const mine = newest;
    const pixels = framed(picture, side, card.frame);
    const start = performance.now();
    const given = await network.run('uint8', pixels, [1, 3, side, side], ['logits', ...unlike, ...card.layers]);
    if (mine !== newest) return;
    const chances = probabilities(given.logits.data);
    const none = card.unlike !== null && given.unlikeness.data[0] > card.unlike;
    const best = chances.indexOf(Math.max(...chances));
    shown.update(chances);
    answer.textContent = say(none ? 'saysNone' : 'saysPhoto', { label: labels[best], percent: percent(chances[best]) });
    told.textContent = '';
    root.dataset.answer = none ? 'none of these' : labels[best];
    root.dataset.best = JSON.stringify(chances);
    root.dataset.milliseconds = (performance.now() - start).toFixed(2);
    last = { pixels, given, best };
    for (const layer of card.layers) {
      const { dims: [, count, height, width], data } = given[layer];
      grid(layer, [Math.min(count, SHOWN), height, width]).update(data.subarray(0, Math.min(count, SHOWN) * height * width));
    }
    await draw();
  }

  function grid(layer, shape) {
    if (!grids.has(layer)) {
      const made = mapGrid(layer, shape, (unit) => {
        for (const [name, other] of grids) if (name !== layer) other.clear();
        selected = { layer, unit };
        draw();
      });
      grids.set(layer, made);
      layers.append(made.root);
    }
    return grids.get(layer);
  }

  // The picture, and over it the parts that speak for the answer or the chosen map.
  async function draw() {
    plain.hidden = !selected;
    hint.hidden = !explaining;
    if (!last) return;
    const { pixels, given, best } = last;
    const mine = newest;
    const falls = explaining ? await occlusion(pixels, side, card.mean, best, answers) : null;
    if (mine !== newest) return;
    paintColour(sheet, pixels, 0, side, side);
    if (falls) hint.textContent = say(overlay(falls, STEPS, STEPS, LEAST) ? 'occlusionHint' : 'occlusionNone');
    if (!falls && selected) {
      const { dims: [, , height, width], data } = given[selected.layer];
      overlay(data.subarray(selected.unit * height * width, (selected.unit + 1) * height * width), height, width);
    }
    root.dataset.explained = String(explaining);
  }

  function overlay(values, height, width, least = 0) {
    const context = sheet.getContext('2d');
    const scale = largest(values);
    if (scale <= least) return false;
    values.forEach((value, place) => {
      const [r, g, b] = diverging(Math.sign(value));
      context.fillStyle = `rgb(${r} ${g} ${b} / ${0.75 * Math.abs(value / scale)})`;
      context.fillRect(((place % width) * side) / width, (Math.floor(place / width) * side) / height, side / width, side / height);
    });
    return true;
  }

  async function start() {
    try {
      camera = await openCamera();
    } catch (error) {
      told.textContent = say(error.name === 'NotSupportedError' ? 'cameraMissing' : 'cameraRefused', { reason: error.message || error.name });
      return;
    }
    const mine = camera;
    watch.textContent = say('stop');
    watch.setAttribute('aria-pressed', 'true');
    answer.setAttribute('aria-live', 'off'); // it changes too often to be read out
    while (camera === mine) {
      const picture = camera.picture();
      if (picture) await look(picture);
      await new Promise((done) => { setTimeout(done, BEAT); });
    }
  }

  function stop() {
    camera?.stop();
    camera = null;
    watch.textContent = say('camera');
    watch.setAttribute('aria-pressed', 'false');
    answer.setAttribute('aria-live', 'polite');
  }

  return stop;
}
