// A pad to draw on, with mouse, finger, pen, or the arrow keys: white on black, as the digits are.
import { canvas } from '../dom.js';
import { say } from '../words.js';

const SIDE = 280;
const STROKE = 20;

export function pad(changed) {
  const sheet = canvas(SIDE, SIDE, { class: 'pad', tabindex: 0, role: 'img', 'aria-label': `${say('draw')}: ${say('drawHint')}` });
  const context = sheet.getContext('2d', { willReadFrequently: true });
  Object.assign(context, { lineWidth: STROKE, lineCap: 'round', lineJoin: 'round', strokeStyle: '#fff' });
  let pen = null;
  let cursor = [SIDE / 2, SIDE / 4];
  let [pressed, paper] = [false, ''];

  const place = (event) => {
    const box = sheet.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * SIDE, ((event.clientY - box.top) / box.height) * SIDE];
  };
  function line(from, to) {
    context.beginPath();
    context.moveTo(...from);
    context.lineTo(...to);
    context.stroke();
  }
  sheet.addEventListener('pointerdown', (event) => {
    sheet.setPointerCapture(event.pointerId);
    pen = place(event);
    line(pen, pen);
    changed();
  });
  sheet.addEventListener('pointermove', (event) => {
    if (!pen) return;
    for (const each of event.getCoalescedEvents?.() ?? [event]) {
      const next = place(each);
      line(pen, next);
      pen = next;
    }
    changed();
  });
  for (const end of ['pointerup', 'pointercancel']) sheet.addEventListener(end, () => { pen = null; });
  sheet.addEventListener('keydown', (event) => {
    if (event.key === ' ') { pressed = true; event.preventDefault(); line(cursor, cursor); changed(); return; }
    const move = { ArrowLeft: [-8, 0], ArrowRight: [8, 0], ArrowUp: [0, -8], ArrowDown: [0, 8] }[event.key];
    if (!move) return;
    event.preventDefault();
    const next = cursor.map((value, axis) => Math.min(Math.max(value + move[axis], 0), SIDE));
    if (pressed) { line(cursor, next); changed(); }
    cursor = next;
  });
  sheet.addEventListener('keyup', (event) => { if (event.key === ' ') pressed = false; });

  return {
    root: sheet,
    // Show a picture file on the empty pad, or none.
    lay(file) {
      if (paper) URL.revokeObjectURL(paper);
      paper = file ? URL.createObjectURL(file) : '';
      sheet.style.background = file ? `#000 url("${paper}") center / contain no-repeat` : '';
    },
    clear() { context.clearRect(0, 0, SIDE, SIDE); changed(); },
    // Ink, 0 to 1, as {width, height, values}.
    ink() {
      const { data } = context.getImageData(0, 0, SIDE, SIDE);
      const values = new Float32Array(SIDE * SIDE);
      for (let i = 0; i < values.length; i += 1) values[i] = data[4 * i + 3] / 255;
      return { width: SIDE, height: SIDE, values };
    },
  };
}
