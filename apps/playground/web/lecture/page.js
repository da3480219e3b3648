// The lecture's questions: one digit before networks that differ in one thing each, their x*, and dreams.
import { button, element } from '../dom.js';
import { cropped, frame } from '../digits/frame.js';
import { pad } from '../digits/pad.js';
import { say } from '../words.js';
import { answers } from './answers.js';
import { film } from './film.js';
import { optima } from './optima.js';
import { question } from './question.js';
import { openSister } from './sister.js';

const REST = 250; // milliseconds without a stroke after which the digit is moved about

// Gives what stops all that runs.
export async function mount(root, network) {
  const { card } = network;
  const { labels } = card;
  const [sisters, sheet] = await Promise.all([Promise.all(card.networks.map((each) => openSister(network, each, labels.length))), network.part('dream.jpg')]);
  const shown = answers(sisters, labels);
  let [waiting, resting, pixels] = [false, null, null];
  const pen = pad(() => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; update(); });
  });
  const told = element('p', { class: 'hidden', 'aria-live': 'polite' });
  const climbing = optima(sisters, labels, () => pixels);
  const dreaming = await film(sheet, card.dream);

  root.append(
    element('p', { class: 'lead' }, say('lectureAbout')),
    element('section', {}, element('h2', {}, say('sideBySide')),
      element('div', { class: 'beside' },
        element('div', {}, pen.root, element('p', { class: 'soft' }, say('drawHint')), element('div', { class: 'row' }, button(say('clear'), () => pen.clear())), told),
        shown.root),
      question('askPooling', 'tellPooling'), question('askShuffled', 'tellShuffled')),
    climbing.root, dreaming.root,
  );

  async function update() {
    const ink = cropped(pen.ink());
    pixels = ink && Float32Array.from(frame(ink));
    clearTimeout(resting);
    const start = performance.now();
    const found = await shown.update(pixels);
    if (!found) { told.textContent = ''; delete root.dataset.answers; return; }
    root.dataset.answers = found.join(' ');
    root.dataset.milliseconds = (performance.now() - start).toFixed(2);
    const own = pixels;
    resting = setTimeout(() => {
      told.textContent = card.networks.map((each, i) => `${say(`sister-${each.name}`)}: ${found[i]}`).join('; ');
      shown.move(own);
    }, REST);
  }

  return () => { clearTimeout(resting); climbing.stop(); dreaming.stop(); };
}
