// Frames of a Deep Dream in colour, walked through with a slider.
import { button, canvas, element } from '../dom.js';
import { say } from '../words.js';
import { question } from './question.js';

const PAUSE = 260; // milliseconds a frame

// `sheet` is a picture of columns x rows frames in reading order. Gives {root, stop}.
export async function film(sheet, { columns, rows, source }) {
  const bitmap = await createImageBitmap(new Blob([sheet], { type: 'image/jpeg' }));
  const [width, height, count] = [bitmap.width / columns, bitmap.height / rows, columns * rows];
  const screen = canvas(width, height, { role: 'img', class: 'film' });
  const told = element('output', {});
  const slider = element('input', { type: 'range', min: 0, max: count - 1, value: 0, 'aria-label': say('film') });
  const play = button(say('play'), () => (timer ? stop() : start()), { 'aria-pressed': 'false' });
  let timer = null;

  function show() {
    const at = Number(slider.value);
    screen.getContext('2d').drawImage(bitmap, (at % columns) * width, Math.floor(at / columns) * height, width, height, 0, 0, width, height);
    told.textContent = say('frame', { number: at + 1, count });
    screen.setAttribute('aria-label', told.textContent);
  }
  function start() {
    if (Number(slider.value) === count - 1) slider.value = 0;
    timer = setInterval(() => {
      slider.value = Number(slider.value) + 1;
      show();
      if (Number(slider.value) === count - 1) stop();
    }, PAUSE);
    play.textContent = say('pause');
    play.setAttribute('aria-pressed', 'true');
  }
  function stop() {
    clearInterval(timer);
    timer = null;
    play.textContent = say('play');
    play.setAttribute('aria-pressed', 'false');
  }
  slider.addEventListener('input', () => { stop(); show(); });
  show();
  return {
    stop,
    root: element('section', {}, element('h2', {}, say('film')), element('p', { class: 'soft' }, say('filmHint', { source })), screen,
      element('div', { class: 'row controls' }, play, slider, told), question('askDream', 'tellDream')),
  };
}
