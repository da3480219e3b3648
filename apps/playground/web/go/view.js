// The board on the page: drawn sharp at every size, played on with mouse, finger, or arrow keys and Enter.
import { canvas, element } from '../dom.js';
import { say } from '../words.js';
import { Picture } from './picture.js';
import { pointName } from './points.js';

const STEPS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [1, 0], ArrowDown: [-1, 0] };

// played(point) is called when a point is chosen; `state` is what Picture.draw takes, and the colour to move.
export function boardView(size, played) {
  const sheet = canvas(1, 1, { class: 'board', tabindex: 0, role: 'application', 'aria-label': `${say('board', { size })}: ${say('boardHint')}` });
  const spoken = element('p', { class: 'hidden', 'aria-live': 'polite' });
  const picture = new Picture(sheet, size);
  let cursor = Math.floor(size / 2) * (size + 1);
  let [hover, keys, state] = [-1, false, { stones: new Uint8Array(size * size), toMove: 0 }];

  function draw() {
    if (!picture.side) return;
    const free = hover >= 0 && state.toMove && !state.stones[hover];
    picture.draw({ ...state, ghost: free ? { point: hover, colour: state.toMove } : null, cursor: keys ? cursor : -1 });
  }
  const place = (event) => {
    const box = sheet.getBoundingClientRect();
    return picture.pointAt((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
  };
  function over(point) {
    if (point !== hover) { hover = point; draw(); }
  }
  sheet.addEventListener('pointermove', (event) => { if (event.pointerType === 'mouse') over(place(event)); });
  sheet.addEventListener('pointerleave', () => over(-1));
  sheet.addEventListener('click', (event) => {
    keys = false;
    const point = place(event);
    if (point < 0) return;
    cursor = point;
    played(point);
  });
  sheet.addEventListener('keydown', (event) => {
    const step = STEPS[event.key];
    if (event.key === 'Enter' || event.key === ' ') {
      event.preventDefault();
      keys = true;
      played(cursor);
    } else if (step) {
      event.preventDefault();
      const [row, column] = [Math.floor(cursor / size) + step[0], (cursor % size) + step[1]];
      if (row >= 0 && column >= 0 && row < size && column < size) cursor = row * size + column;
      keys = true;
      spoken.textContent = `${pointName(cursor, size)}, ${say(['empty', 'black', 'white'][state.stones[cursor]])}`;
      draw();
    }
  });
  sheet.addEventListener('blur', () => { keys = false; draw(); });
  new ResizeObserver(([{ contentRect }]) => {
    if (!contentRect.width) return;
    picture.resize(Math.round(contentRect.width * Math.min(globalThis.devicePixelRatio || 1, 2)));
    draw();
  }).observe(sheet);

  return {
    root: element('div', {}, sheet, spoken),
    update(next) { state = next; sheet.dataset.stones = Array.from(next.stones).join(''); draw(); },
  };
}
