// Go: play against the network, see where it would play, and what every layer makes of the position.
import { button, element } from '../dom.js';
import { percent } from '../runtime.js';
import { mapGrid, upright } from '../views/maps.js';
import { say } from '../words.js';
import { controls } from './controls.js';
import { blended, cleared, deadStones, owners, ownership } from './counting.js';
import { choose, Game, policy } from './game.js';
import { encode } from './planes.js';
import { BLACK, pointName, WHITE } from './points.js';
import { BadRecord, readSgf } from './sgf.js';
import { boardView } from './view.js';

const SHOWN = 6; // moves in the list
const GAMES = 240; // random games that tell dead stones, as in Python
const PAUSE = 350; // milliseconds in which one sees what it considers, before it plays

export function mount(root, network) {
  const { card } = network;
  // What it says of the whole position; on boards of another size than its own it has learned nothing of that.
  const judged = ['value', 'score', 'ownership'].filter((name) => network.outputs.includes(name));
  let { size } = card;
  let game = new Game(size);
  let [newest, waiting, trouble, selected, last, end] = [0, null, '', null, null, null]; // end: {dead, owner, lead}
  let view = boardView(size, (point) => play(point));
  const answer = element('p', { class: 'answer', 'aria-live': 'polite' });
  const status = element('p', { class: 'soft', role: 'status' });
  const list = element('ol', { class: 'moves' });
  const unlike = element('p', { class: 'soft' });
  const judgement = element('p', {});
  const panel = controls({
    pass: () => play(game.passes), undo: () => turnBack(), redo: () => { game.redo(); changed(); },
    restart: () => { game = new Game(size); changed(); }, changed: () => changed(), open, game: () => game,
    sizes: card.sizes, size, resize: (chosen) => { take(new Game(chosen)); }, owners: judged.includes('ownership'),
  });
  const layers = element('section', {}, element('h2', {}, say('layers')), element('p', { class: 'soft' }, say('mapBoardHint'), card.views > 1 ? ` ${say('tiedHint')}` : ''));
  const plain = button(say('mapOff'), () => { selected = null; grids.forEach((each) => each.clear()); draw(); }, { hidden: true });
  const grids = new Map();

  root.append(
    element('div', { class: 'go' },
      element('section', {}, view.root, element('p', { class: 'soft' }, say('boardHint')), panel.buttons),
      element('section', {}, element('h2', {}, say('network')), answer, judgement, status, list, unlike, panel.settings, plain)),
    layers,
  );
  root.addEventListener('dragover', (event) => event.preventDefault());
  root.addEventListener('drop', (event) => { event.preventDefault(); open(event.dataTransfer.files[0]); });

  function networkMoves() {
    return panel.side() !== 0 && game.toMove !== panel.side() && !game.over;
  }

  function play(point) {
    trouble = '';
    if (game.over) { turnOver(point); return; }
    if (waiting || networkMoves()) return;
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
      if (read.size !== card.size && !card.sizes.includes(read.size)) throw new BadRecord('sgfOther', { size: read.size, own: card.size });
      panel.watch();
      take(read);
    } catch (error) {
      if (!(error instanceof BadRecord)) throw error;
      trouble = say(error.key, error.values);
      tell();
    }
  }

  // Another game, perhaps on a board of another size.
  function take(next) {
    if (next.size !== size) {
      ({ size } = next);
      const other = boardView(size, (point) => play(point));
      view.root.replaceWith(other.root);
      view = other;
      selected = null;
      grids.forEach((each) => each.root.remove());
      grids.clear();
    }
    game = next;
    changed();
  }

  // Both have passed: what is dead, and who owns what.
  async function count(mine) {
    const told = await judgedByBoth();
    const played = await ownership(game.board, GAMES, () => mine !== newest);
    if (!played || mine !== newest) return;
    settle(deadStones(game.board, blended(game.board, played, told)));
  }

  // The network's ownership, +1 black to -1 white: the mean of both colours to move; null where it has none.
  async function judgedByBoth() {
    if (!judged.includes('ownership') || size !== card.size) return null;
    const sides = [];
    for (const colour of [BLACK, WHITE]) {
      const given = await network.run('uint8', encode(game, card.planes, colour), [1, card.planes, size, size], ['ownership']);
      sides.push(given.ownership.data.map((value) => (colour === BLACK ? value : -value)));
    }
    return sides[0].map((value, point) => (value + sides[1][point]) / 2);
  }

  function settle(dead) {
    const board = cleared(game.board, dead);
    end = { dead, owner: owners(board), lead: board.area() - game.komi };
    root.dataset.lead = end.lead;
    tell();
    draw();
  }

  // A chain that is dead or alive after all.
  function turnOver(point) {
    const chain = end && game.board.chains[point];
    if (!chain) return;
    const dead = new Set(end.dead);
    chain.forEach((stone) => (end.dead.has(stone) ? dead.delete(stone) : dead.add(stone)));
    settle(dead);
  }

  // `answers`: whether the network may move now, if it is its turn.
  async function changed(answers = true) {
    clearTimeout(waiting);
    waiting = null;
    trouble = '';
    newest += 1;
    const mine = newest;
    [last, end] = [null, null]; // what it thought of the position before
    delete root.dataset.lead;
    draw();
    const start = performance.now();
    const unlikeness = card.unlike === null ? [] : ['unlikeness'];
    const given = await network.run('uint8', encode(game, card.planes), [1, card.planes, size, size], ['logits', ...unlikeness, ...(size === card.size ? judged : []), ...card.layers]);
    if (mine !== newest) return;
    const shares = policy(game, given.logits.data);
    last = { shares, given, strange: card.unlike !== null && given.unlikeness.data[0] > card.unlike };
    tell();
    draw();
    root.dataset.milliseconds = (performance.now() - start).toFixed(2);
    for (const layer of card.layers) grid(layer, given[layer].dims).update(upright(given[layer].data, given[layer].dims));
    root.dataset.moves = game.moves.length;
    if (game.over) count(mine);
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
      shares: shown ? last.shares : null, map, owner: end ? end.owner : owned(), dead: end ? end.dead : null,
    });
    panel.update(game);
  }

  function ownedByBlack() {
    const told = last?.given.ownership;
    return told ? Float32Array.from(told.data, (value) => (game.toMove === BLACK ? value : -value)) : null;
  }

  // Of each point who will own it, +1 black to -1 white, where the network tells and it is asked for.
  function owned() {
    return panel.owned() && !selected ? ownedByBlack() : null;
  }

  // What the network says of the whole position, from the side of the player to move.
  function judge() {
    const { value, score } = last.given;
    const colour = say(game.toMove === BLACK ? 'black' : 'white');
    const words = [];
    if (value) words.push(say('winning', { colour, percent: percent(value.data[0]) }));
    if (score) words.push(say(score.data[0] < 0 ? 'behind' : 'ahead', { colour, points: Math.abs(score.data[0]).toFixed(1) }));
    return words.join(' ');
  }

  // What is said: the last move and whose turn it is; and what the network thinks.
  function tell() {
    const name = (point) => (point === game.passes ? say('passName') : pointName(point, size));
    status.textContent = trouble || (game.over ? counted() : moved(name));
    if (!last) return;
    const { shares, strange } = last;
    const best = shares.indexOf(Math.max(...shares));
    const words = { point: name(best), percent: percent(shares[best]) };
    judgement.textContent = game.over ? '' : judge();
    answer.textContent = game.over ? say('gameOver') : say(networkMoves() ? 'thinks' : 'wouldPlay', words);
    root.dataset.answer = pointName(best, size);
    const order = Array.from(shares, (_, point) => point).sort((a, b) => shares[b] - shares[a]).slice(0, SHOWN).filter((point) => shares[point] > 0);
    list.replaceChildren(...(panel.hints() && !game.over ? order : []).map((point) => {
      const fill = element('div', { class: 'fill' });
      fill.style.transform = `scaleX(${shares[point]})`;
      return element('li', { 'data-share': shares[point], 'data-point': pointName(point, size) }, element('span', {}, name(point)),
        element('div', { class: 'track', 'aria-hidden': 'true' }, fill), element('span', {}, `${(100 * shares[point]).toFixed(1)} %`));
    }));
    unlike.textContent = [size === card.size ? '' : say('otherSize', { size, own: card.size }), strange ? say('strange') : ''].join(' ').trim();
  }

  function moved(name) {
    const turn = say(game.toMove === BLACK ? 'blackTurn' : 'whiteTurn');
    if (!game.last) return turn;
    const words = { number: game.moves.length, colour: say(game.last.colour === WHITE ? 'white' : 'black'), point: name(game.last.point), count: game.board.captured };
    return `${say(game.board.captured ? 'movedCaptures' : 'moved', words)} ${turn}`;
  }

  function counted() {
    if (!end) return say('counting');
    const { lead, dead } = end;
    const result = lead === 0 ? say('tie') : say('wins', { colour: say(lead > 0 ? 'black' : 'white'), points: Math.abs(lead) });
    return `${result} ${say('deadStones', { count: dead.size })}`;
  }

  changed();
}
