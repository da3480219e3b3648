// Probabilities as bars, one row a class; made once, then only moved.
import { element } from '../dom.js';

export function bars(labels) {
  const rows = labels.map((label) => {
    const fill = element('div', { class: 'fill' });
    const share = element('span', {}, '');
    const name = element('span', {}, label);
    return { name, fill, share, track: element('div', { class: 'track', 'aria-hidden': 'true' }, fill) };
  });
  const root = element('div', { class: 'bars' }, ...rows.flatMap(({ name, track, share }) => [name, track, share]));
  function update(probabilities) {
    const best = probabilities ? Math.max(...probabilities) : NaN;
    rows.forEach(({ name, fill, share }, i) => {
      const value = probabilities?.[i] ?? 0;
      fill.style.transform = `scaleX(${value})`;
      share.textContent = probabilities ? `${(100 * value).toFixed(1)} %` : '';
      name.className = value === best ? 'best' : '';
    });
  }
  return { root, update };
}
