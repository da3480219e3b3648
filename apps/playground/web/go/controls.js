// What one can do with a game: buttons, whom one plays, and records in and out.
import { button, element } from '../dom.js';
import { say } from '../words.js';
import { writeSgf } from './sgf.js';

const SIDES = [['asBlack', 1], ['asWhite', 2], ['asBoth', 0]];

export function controls({ pass, undo, redo, restart, changed, open, game, sizes, size, resize, owners }) {
  const side = element('select', { 'aria-label': say('youPlay') }, ...SIDES.map(([key, value]) => element('option', { value }, say(key))));
  side.addEventListener('change', () => changed());
  const hints = element('input', { type: 'checkbox', checked: true });
  hints.addEventListener('change', () => changed());
  const board = element('select', {}, ...sizes.map((each) => element('option', { value: each, selected: each === size }, `${each} × ${each}`)));
  board.addEventListener('change', () => resize(Number(board.value)));
  const territory = element('input', { type: 'checkbox' });
  territory.addEventListener('change', () => changed());
  const file = element('input', { type: 'file', accept: '.sgf,text/plain', 'aria-label': say('loadSgf'), hidden: true });
  file.addEventListener('change', () => { open(file.files[0]); file.value = ''; });
  const [back, on] = [button(say('undo'), undo), button(say('redo'), redo)];
  const passing = button(say('pass'), pass);

  function save() {
    const names = [say('you'), say('theNetwork')];
    const [black, white] = { 1: names, 2: names.reverse(), 0: ['', ''] }[side.value];
    const url = URL.createObjectURL(new Blob([writeSgf(game(), { black, white })], { type: 'application/x-go-sgf' }));
    const link = element('a', { href: url, download: 'game.sgf' });
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  }

  return {
    buttons: element('div', { class: 'row' }, passing, back, on, button(say('newGame'), restart)),
    settings: element('div', {},
      element('label', { class: 'field' }, element('span', {}, say('youPlay')), side),
      element('label', { class: 'field', hidden: sizes.length < 2 }, element('span', {}, say('boardSize')), board),
      element('label', { class: 'field' }, hints, element('span', {}, say('showMoves'))),
      element('label', { class: 'field', hidden: !owners }, territory, element('span', {}, say('showOwners'))),
      element('div', { class: 'row' }, button(say('loadSgf'), () => file.click()), file, button(say('saveSgf'), save))),
    side: () => Number(side.value), // the player's colour; 0 where one plays both sides
    hints: () => hints.checked,
    owned: () => territory.checked,
    watch: () => { side.value = '0'; },
    update({ moves, future, over, size: own }) {
      board.value = own;
      back.disabled = !moves.length;
      on.disabled = !future.length;
      passing.disabled = over;
    },
  };
}
