// Texts: type one, and see the answer, the words that speak for it, and the n-grams that fired.
import { element } from '../dom.js';
import { percent, probabilities } from '../runtime.js';
import { bars } from '../views/bars.js';
import { diverging, largest } from '../views/colours.js';
import { say } from '../words.js';
import { ngrams, occlusion, UNKNOWN } from './reasons.js';
import { numbered } from './tokenizers.js';

export async function mount(root, network) {
  const { card } = network;
  const known = JSON.parse(new TextDecoder().decode(await network.part('words')));
  const numbers = new Map(known.map((word, number) => [word, number]));
  const input = element('textarea', { rows: 4, 'aria-label': say('type'), placeholder: say('typeHint'), maxlength: 5000 });
  const answer = element('p', { class: 'answer', 'aria-live': 'polite' }, say('typeHint'));
  const shown = bars(card.labels);
  const coloured = element('p', { class: 'words' });
  const unknown = element('p', { class: 'soft' });
  const strange = element('p', { class: 'soft', role: 'status' });
  const unlike = card.unlike === null ? [] : ['unlikeness'];
  const fired = element('div', {});
  let [waiting, newest] = [false, 0];
  input.addEventListener('input', schedule);
  root.append(
    element('section', {}, element('h2', {}, say('type')), input),
    element('div', { class: 'two' },
      element('section', {}, element('h2', {}, say('answer')), answer, strange, shown.root),
      element('section', {}, element('h2', {}, say('wordsThatSpeak')), element('p', { class: 'soft' }, say('wordsHint')), coloured, unknown, fired)),
  );

  await chancesOf([[UNKNOWN]]); // the first run is slower than all others

  function schedule() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; update(); });
  }

  // Rows of numbers, filled up with pads to one length -> probabilities.
  async function chancesOf(rows, names = []) {
    const length = Math.max(card.shortest, ...rows.map((row) => row.length));
    const flat = new Int32Array(rows.length * length);
    rows.forEach((row, i) => flat.set(row, i * length));
    const given = await network.run('int32', flat, [rows.length, length], ['logits', ...names]);
    const classes = card.labels.length;
    const chances = rows.map((_, i) => probabilities(given.logits.data.subarray(i * classes, (i + 1) * classes)));
    return { chances, given };
  }

  async function update() {
    newest += 1;
    const mine = newest;
    const { tokens, row } = numbered(input.value, card, numbers);
    fired.replaceChildren();
    coloured.replaceChildren();
    if (!row.length) {
      answer.textContent = say('typeHint');
      unknown.textContent = '';
      strange.textContent = '';
      delete root.dataset.answer;
      shown.update(null);
      return;
    }
    const start = performance.now();
    const fires = card.layers.length > 0;
    const names = [...unlike, ...(fires ? [...card.layers, 'output:weight'] : [])];
    const { chances: [chances], given } = await chancesOf([row], names);
    const best = chances.indexOf(Math.max(...chances));
    const falls = await occlusion(row, best, chances, async (rows) => (await chancesOf(rows)).chances);
    if (mine !== newest) return; // the text has changed meanwhile
    shown.update(chances);
    answer.textContent = say('saysText', { label: card.labels[best], percent: percent(chances[best]) });
    strange.textContent = card.unlike !== null && given.unlikeness.data[0] > card.unlike ? say('strangeText') : '';
    root.dataset.answer = card.labels[best];
    root.dataset.milliseconds = (performance.now() - start).toFixed(2);
    const scale = largest(falls) || 1;
    coloured.replaceChildren(...tokens.flatMap((token, i) => [word(token, falls[i], scale, row[i] === UNKNOWN), ' ']));
    const missing = row.filter((number) => number === UNKNOWN).length;
    unknown.textContent = say('unknownWords', { count: missing, total: row.length });
    if (fires) {
      const maps = card.layers.map((layer) => ({ kernel: card.windows[layer].kernel[0], dims: given[layer].dims, data: given[layer].data }));
      const list = ngrams(tokens, maps, given['output:weight'].data, card.labels.length, best);
      if (list.length) {
        fired.replaceChildren(element('h3', {}, say('ngrams')),
          element('ol', {}, ...list.map(({ text, score }) => element('li', {}, `${text}  +${score.toFixed(2)}`))));
      }
    }
  }

  function word(token, fall, scale, isUnknown) {
    const made = element('span', { class: isUnknown ? 'word unknown' : 'word', title: `${fall >= 0 ? '+' : ''}${(100 * fall).toFixed(1)} %` }, token);
    const [r, g, b] = diverging(Math.abs(fall) < 0.002 ? 0 : fall / scale);
    made.style.background = `rgb(${r | 0} ${g | 0} ${b | 0})`;
    made.style.color = 0.3 * r + 0.59 * g + 0.11 * b > 140 ? '#111' : '#fff';
    return made;
  }
}
