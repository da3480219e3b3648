// x* of each network, climbing side by side: a digit that it would be surest of, or a dream of the user's drawing.
import { button, canvas, element } from '../dom.js';
import { SIZE } from '../digits/frame.js';
import { percent, probabilities } from '../runtime.js';
import { grey, paint } from '../views/colours.js';
import { say } from '../words.js';
import { ascend, climber, exaggerate, noise } from './climb.js';
import { question } from './question.js';

const STEPS = { digit: 150, dream: 40 };
const DREAM = 'dream';

// drawn() gives the pixels of the drawing, or null. Gives {root, stop}.
export function optima(sisters, labels, drawn) {
  const sheets = sisters.map(({ card }) => {
    const sheet = canvas(SIZE, SIZE, { role: 'img', 'aria-label': say(`sister-${card.name}`) });
    const told = element('p', { class: 'soft' }, '–');
    return { sheet, told, root: element('figure', { class: 'optimum', 'data-sister': card.name }, sheet, element('figcaption', {}, say(`sister-${card.name}`), told)) };
  });
  const goal = select('goal', [...labels.map((label, i) => [String(i), say('goalDigit', { label })]), [DREAM, say('goalDream')]]);
  const begin = select('begin', [['noise', say('beginNoise')], ['black', say('beginBlack')], ['drawing', say('beginDrawing')]]);
  const price = element('input', { type: 'range', min: 0, max: 0.2, step: 0.01, value: 0.05 });
  const paid = element('output', {}, price.value);
  price.addEventListener('input', () => { paid.textContent = price.value; });
  goal.field.addEventListener('change', () => {
    const dreams = goal.field.value === DREAM;
    if (dreams) begin.field.value = 'drawing';
    price.disabled = dreams;
  });
  goal.field.value = '3';
  const status = element('p', { class: 'soft', role: 'status' });
  const climb = button(say('climb'), () => (running ? stop() : start()), { class: 'main', 'aria-pressed': 'false' });
  let running = 0; // counted up with every start, 0 while nothing runs
  let starts = 0;

  function stop() {
    running = 0;
    climb.textContent = say('climb');
    climb.setAttribute('aria-pressed', 'false');
  }

  async function start() {
    const from = { noise: () => noise(SIZE ** 2), black: () => new Float32Array(SIZE ** 2), drawing: drawn }[begin.field.value]();
    if (!from) { status.textContent = say('drawFirst'); return; }
    starts += 1;
    const mine = starts;
    running = mine;
    climb.textContent = say('pause');
    climb.setAttribute('aria-pressed', 'true');
    status.textContent = say('climbing');
    const dreams = goal.field.value === DREAM;
    const wanted = dreams ? 0 : Number(goal.field.value);
    const want = Float32Array.from(labels, (_, i) => (!dreams && i === wanted ? 1 : 0));
    const each = sisters.map(() => ({ pixels: Float32Array.from(from), state: climber(SIZE ** 2), maps: null }));
    const [steps, still] = [dreams ? STEPS.dream : STEPS.digit, matchMedia('(prefers-reduced-motion: reduce)').matches];
    for (let step = 0; step <= steps && running === mine; step += 1) {
      const last = step === steps;
      await Promise.all(sisters.map(async (sister, i) => {
        const own = each[i];
        if (dreams && !own.maps) own.maps = (await sister.climb(own.pixels, { want })).maps.data;
        const given = await sister.climb(own.pixels, { want, dream: dreams ? own.maps : null });
        if (last || (step % 2 === 0 && !still)) show(sheets[i], own.pixels, probabilities(given.logits.data), dreams ? null : wanted);
        if (last) return;
        if (dreams) { exaggerate(own.pixels, given.gradient.data); own.maps = given.maps.data; } else ascend(own.pixels, given.gradient.data, own.state, Number(price.value));
      }));
      await new Promise(requestAnimationFrame);
      if (last) {
        status.textContent = say('climbed', { steps });
        status.dataset.steps = steps;
        stop();
      }
    }
  }

  function show({ sheet, told }, pixels, chances, wanted) {
    paint(sheet.getContext('2d'), pixels, 0, SIZE, SIZE, { scale: 255, colour: grey });
    const unit = wanted ?? chances.indexOf(Math.max(...chances));
    told.textContent = say('sure', { percent: percent(chances[unit]), label: labels[unit] });
  }

  return {
    stop,
    root: element('section', {}, element('h2', {}, say('wants')), element('p', { class: 'soft' }, say('wantsHint')),
      element('div', { class: 'row controls' }, goal.root, begin.root,
        element('label', { class: 'field' }, element('span', {}, say('ink')), price, paid), climb),
      status, element('div', { class: 'optima' }, ...sheets.map(({ root }) => root)), question('askOptimum', 'tellOptimum')),
  };
}

function select(key, options) {
  const field = element('select', {}, ...options.map(([value, label]) => element('option', { value }, label)));
  return { field, root: element('label', { class: 'field' }, element('span', {}, say(key)), field) };
}
