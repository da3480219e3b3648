// Go: play against the network, see where it would play, and what every layer makes of the position.
import { button, element } from '../dom.js';
import { percent } from '../runtime.js';
import { mapGrid, upright } from '../views/maps.js';
import { say } from '../words.js';
import { controls } from './controls.js';
import { choose, Game, policy } from './game.js';
import { encode } from './planes.js';
import { BLACK, pointName, WHITE } from './points.js';
import { BadRecord, readSgf } from './sgf.js';
import { boardView } from './view.js';

const SHOWN = 6; // moves in the list
const PAUSE = 350; // milliseconds in which one sees what it considers, before it plays

export function mount(root, network) {
  const { card } = network;
  const { size } = card;
  let game = new Game(size);
  let [newest, waiting, trouble, selected, last] = [0, null, '', null, null];
  const view = boardView(size, (point) => play(point));
  const answer = element('p', { class: 'answer', 'aria-live': 'polite' });
  const status = element('p', { class: 'soft', role: 'status' });
  const list = element('ol', { class: 'moves' });
  const unlike = element('p', { class: 'soft' });
  const panel = controls({
    pass: () => play(game.passes), undo: () => turnBack(), redo: () => { game.redo(); changed(); },
    restart: () => { game = new Game(size); changed(); }, changed: () => changed(), open, game: () => game,
  });
  const layers = element('section', {}, element('h2', {}, say('layers')), element('p', { class: 'soft' }, say('mapBoardHint'), card.views > 1 ? ` ${say('tiedHint')}` : ''));
  const plain = button(say('mapOff'), () => { selected = null; grids.forEach((each) => each.clear()); draw(); }, { hidden: true });
  const grids = new Map();

  root.append(
    element('div', { class: 'go' },
      element('section', {}, view.root, element('p', { class: 'soft' }, say('boardHint')), panel.buttons),
      element('section', {}, element('h2', {}, say('network')), answer, status, list, unlike, panel.settings, plain)),
    layers,
  );
  root.addEventListener('dragover', (event) => event.preventDefault());
  root.addEventListener('drop', (event) => { event.preventDefault(); open(event.dataTransfer.files[0]); });

  function networkMoves() {
    return panel.side() !== 0 && game.toMove !== panel.side() && !game.over;
  }

  function play(point) {
    trouble = '';
    if (waiting || networkMoves() || game.over) return;
    const reason = game.whyIllegal(point);
    if (reason) { trouble = say(`illegal-${reason}`, { point: pointName(point, size) }); tell(); return; }
    game.play(point);
    changed();
  }

  // Against the network its answer is taken back too.
  function turnBack() {
    clearTimeout(waiting);
    waiting = null;
    game.undo();
    if (networkMoves() && game.moves.length) game.undo();
    changed(!game.moves.length);
  }

  async function open(file) {
    if (!file) return;
    try {
      if (file.size > 1 << 20) throw new BadRecord('sgfNone');
      const read = readSgf(await file.text());
      if (read.size !== size) throw new BadRecord('sgfOther', { size: read.size, own: size });
      game = read;
      panel.watch();
      changed();
    } catch (error) {
      if (!(error instanceof BadRecord)) throw error;
      trouble = say(error.key, error.values);
      tell();
    }
  }

  // `answers`: whether the network may move now, if it is its turn.
  async function changed(answers = true) {
    clearTimeout(waiting);
    waiting = null;
    trouble = '';
    newest += 1;
    const mine = newest;
    last = null; // what it thought of the position before
    draw();
    const start = performance.now();
    const unlikeness = card.unlike === null ? [] : ['unlikeness'];
    const given = await network.run('uint8', encode(game, card.planes), [1, card.planes, size, size], ['logits', ...unlikeness, ...card.layers]);
    if (mine !== newest) return;
    const shares = policy(game, given.logits.data);
    last = { shares, given, strange: card.unlike !== null && given.unlikeness.data[0] > card.unlike };
    for (const layer of card.layers) grid(layer, given[layer].dims).update(upright(given[layer].data, given[layer].dims));
    tell();
    draw();
    root.dataset.milliseconds = (performance.now() - start).toFixed(2);
    root.dataset.moves = game.moves.length;
    if (answers && networkMoves()) waiting = setTimeout(() => { waiting = null; game.play(choose(game, shares)); changed(); }, PAUSE);
  }

  function grid(layer, dims) {
    if (!grids.has(layer)) {
      const made = mapGrid(layer, dims.slice(1), (unit) => {
        for (const [name, other] of grids) if (name !== layer) other.clear();
        selected = { layer, unit };
        draw();
      }, card.views);
      grids.set(layer, made);
      layers.append(made.root);
    }
    return grids.get(layer);
  }

  function draw() {
    const shown = last && panel.hints() && !selected && !game.over;
    const n = size * size;
    const map = selected && last ? last.given[selected.layer].data.subarray(selected.unit * n, (selected.unit + 1) * n) : null;
    plain.hidden = !selected;
    view.update({
      stones: game.board.stones, last: game.last ? game.last.point : -1, toMove: networkMoves() ? 0 : game.toMove,
      shares: shown ? last.shares : null, map,
    });
    panel.update(game);
  }

  // What is said: the last move and whose turn it is; and what the network thinks.
  function tell() {
    const name = (point) => (point === game.passes ? say('passName') : pointName(point, size));
    status.textContent = trouble || (game.over ? counted() : moved(name));
    if (!last) return;
    const { shares, strange } = last;
    const best = shares.indexOf(Math.max(...shares));
    const words = { point: name(best), percent: percent(shares[best]) };
    answer.textContent = game.over ? say('gameOver') : say(networkMoves() ? 'thinks' : 'wouldPlay', words);
    root.dataset.answer = pointName(best, size);
    const order = Array.from(shares, (_, point) => point).sort((a, b) => shares[b] - shares[a]).slice(0, SHOWN).filter((point) => shares[point] > 0);
    list.replaceChildren(...(panel.hints() && !game.over ? order : []).map((point) => {
      const fill = element('div', { class: 'fill' });
      fill.style.transform = `scaleX(${shares[point]})`;
      return element('li', { 'data-share': shares[point], 'data-point': pointName(point, size) }, element('span', {}, name(point)),
        element('div', { class: 'track', 'aria-hidden': 'true' }, fill), element('span', {}, `${(100 * shares[point]).toFixed(1)} %`));
    }));
    unlike.textContent = strange ? say('strange') : '';
  }

  function moved(name) {
    const turn = say(game.toMove === BLACK ? 'blackTurn' : 'whiteTurn');
    if (!game.last) return turn;
    const words = { number: game.moves.length, colour: say(game.last.colour === WHITE ? 'white' : 'black'), point: name(game.last.point), count: game.board.captured };
    return `${say(game.board.captured ? 'movedCaptures' : 'moved', words)} ${turn}`;
  }

  function counted() {
    const lead = game.board.area() - game.komi;
    return lead === 0 ? say('tie') : say('lead', { colour: say(lead > 0 ? 'black' : 'white'), points: Math.abs(lead) });
  }

  changed();
}
