// The first filters in colour, and what each class would look like to the network.
import { canvas, element } from '../dom.js';
import { say } from '../words.js';

export function gallery({ card, part }) {
  const root = element('section', { hidden: !card.filters && !card.optima });
  if (card.filters) add('filters', say('firstFilters', { layer: card.filters[0] }), card.filters.slice(1), null);
  if (card.optima) add('classes', say('classOptima'), [card.optima, 3, card.side, card.side], card.labels);

  async function add(name, title, [count, , height, width], labels) {
    const row = element('div', { class: 'row gallery' });
    root.append(element('h2', {}, title), row);
    const values = await part(name);
    for (let unit = 0; unit < count; unit += 1) {
      const caption = labels ? labels[unit] : say('filterNumber', { unit });
      const sheet = canvas(width, height, { role: 'img', 'aria-label': caption, class: labels ? 'large' : 'small' });
      paintColour(sheet, values, unit * 3 * height * width, width, height);
      row.append(labels ? element('figure', {}, sheet, element('figcaption', {}, caption)) : sheet);
    }
  }
  return root;
}

// Planes R, G, B (3, height, width) of bytes from `offset`.
export function paintColour(sheet, values, offset, width, height) {
  const context = sheet.getContext('2d');
  const image = context.createImageData(width, height);
  const plane = width * height;
  for (let i = 0; i < plane; i += 1) image.data.set([values[offset + i], values[offset + plane + i], values[offset + 2 * plane + i], 255], 4 * i);
  context.putImageData(image, 0, 0);
}
