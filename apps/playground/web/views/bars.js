// Probabilities as bars, one row a class; made once, then only moved. Of more than `most` classes the likeliest.
import { element } from '../dom.js';

export function bars(labels, most = Infinity) {
  const rows = Array.from({ length: Math.min(labels.length, most) }, (_, i) => {
    const fill = element('div', { class: 'fill' });
    const share = element('span', {}, '');
    const name = element('span', {}, labels[i]);
    return { name, fill, share, track: element('div', { class: 'track', 'aria-hidden': 'true' }, fill) };
  });
  const root = element('div', { class: 'bars' }, ...rows.flatMap(({ name, track, share }) => [name, track, share]));
  function update(probabilities) {
    const best = probabilities ? Math.max(...probabilities) : NaN;
    const shown = labels.map((_, i) => i);
    if (labels.length > most && probabilities) shown.sort((a, b) => probabilities[b] - probabilities[a]);
    rows.forEach(({ name, fill, share }, i) => {
      const value = probabilities?.[shown[i]] ?? 0;
      name.textContent = labels[shown[i]];
      fill.style.transform = `scaleX(${value})`;
      share.textContent = probabilities ? `${(100 * value).toFixed(1)} %` : '';
      name.className = value === best ? 'best' : '';
    });
  }
  return { root, update };
}
