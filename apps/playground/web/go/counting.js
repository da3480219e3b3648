// Who owns what at the end of a game, as apps/go/counting and apps/go/play/playouts.py tell it: random games to the end,
// from the position as it stands, what the network says, and unconditional life; chains that mostly end as the
// opponent's are dead. One random game of six is calm: neither player begins in a region that it surrounds.
import { passAlive, regions } from './benson.js';
import { Board } from './board.js';
import { settled } from './groups.js';
import { BLACK, opponent, WHITE } from './points.js';

const ALERT = 0.9; // how often the players capture, or save from capture, beside the last move
const CALM = 6; // of so many games, one is calm
const HOME = 16; // points of the largest region in which calm players do not begin
const TRUST = 0.2; // in what the network says, beside random games
const SLICE = 30; // milliseconds between two breaths of the page

// Owner of each point, +1 black to -1 white, over `games` random games; null where `stopped()` says so.
export async function ownership(board, games, stopped = () => false, random = generator()) {
  const total = new Float64Array(board.stones.length);
  const homes = [null, home(board, BLACK), home(board, WHITE)];
  let pause = performance.now() + SLICE;
  for (let game = 0; game < games; game += 1) {
    const calm = Math.floor(game / 2) % CALM === CALM - 1;
    owners(playedOut(board, 1 + (game % 2), random, calm ? homes : null)).forEach((owner, point) => { total[point] += owner / games; });
    if (performance.now() > pause) {
      await new Promise((done) => { setTimeout(done); });
      if (stopped()) return null;
      pause = performance.now() + SLICE;
    }
  }
  return total;
}

// Random games, the network's word where it has one (null where not), and what is certain: who owns each point, +1 to -1.
export function blended(board, played, told) {
  const safe = passAlive(board);
  return Float64Array.from(played, (value, point) => {
    if (safe[point]) return safe[point] === BLACK ? 1 : -1;
    return told ? (1 - TRUST) * value + TRUST * told[point] : value;
  });
}

// Stones of chains that mostly end as the opponent's; where that is not decided, what their groups have decides.
export function deadStones(board, owner) {
  const dead = new Set();
  for (const chain of new Set(board.chains.filter(Boolean))) {
    const side = board.stones[chain[0]] === BLACK ? 1 : -1;
    if (side * chain.reduce((sum, stone) => sum + owner[stone], 0) < 0) chain.forEach((stone) => dead.add(stone));
  }
  const told = settled(board, owner);
  told.dead.forEach((stone) => dead.add(stone));
  told.alive.forEach((stone) => dead.delete(stone));
  return dead;
}

// The board without some stones.
export function cleared(board, dead) {
  const left = (colour) => Array.from(board.stones, (stone, point) => (stone === colour && !dead.has(point) ? point : -1)).filter((point) => point >= 0);
  return Board.setUp(board.size, left(BLACK), left(WHITE));
}

// Of each point +1 where it is black's by area counting, -1 where it is white's, 0 where it is nobody's.
export function owners({ stones, near }) {
  const found = Int8Array.from(stones, (stone) => (stone === BLACK ? 1 : stone === WHITE ? -1 : 0));
  const done = new Uint8Array(stones.length);
  stones.forEach((stone, start) => {
    if (stone || done[start]) return;
    done[start] = 1;
    const region = [start];
    let border = 0;
    for (const point of region) {
      for (const q of near[point]) {
        if (stones[q]) border |= stones[q];
        else if (!done[q]) { done[q] = 1; region.push(q); }
      }
    }
    if (border === BLACK || border === WHITE) region.forEach((point) => { found[point] = border === BLACK ? 1 : -1; });
  });
  return found;
}

// Of each point the number of the region that `colour` surrounds there, -1 where it is none or a large one.
function home(board, colour) {
  const { region, points } = regions(board, colour);
  return region.map((number) => (number >= 0 && points[number].length <= HOME ? number : -1));
}

// `homes` of both colours in calm games, else null.
function playedOut(start, first, random, homes) {
  let [board, colour, passes, last] = [start, first, 0, -1];
  const entered = [null, new Set(), new Set()];
  const closed = (point, side) => homes !== null && homes[side][point] >= 0 && !entered[side].has(homes[side][point]);
  for (let step = 0; step < 3 * start.stones.length && passes < 2; step += 1) {
    let chosen = last >= 0 && random() < ALERT ? urgent(board, last, colour) : -1;
    if (chosen < 0) chosen = randomMove(board, colour, random, closed);
    if (homes && chosen >= 0) entered[opponent(colour)].add(homes[opponent(colour)][chosen]);
    passes = chosen < 0 ? passes + 1 : 0;
    board = chosen < 0 ? board.pass() : board.play(chosen, colour);
    [last, colour] = [chosen, opponent(colour)];
  }
  return board;
}

// A legal move that captures a chain beside the last move, or saves an own one there from capture; or -1.
function urgent(board, last, colour) {
  for (const rescue of [false, true]) {
    for (const q of board.near[last]) {
      if (board.stones[q] !== (rescue ? colour : opponent(colour))) continue;
      const free = board.liberties(q);
      if (free.length === 1 && !board.whyIllegal(free[0], colour) && (!rescue || isSafe(board, free[0], colour))) return free[0];
    }
  }
  const free = board.stones[last] ? board.liberties(last) : [];
  return free.length === 1 && !board.whyIllegal(free[0], colour) ? free[0] : -1;
}

// Whether a move does not put its own chain into atari, as far as its neighbours tell.
function isSafe(board, point, colour) {
  let empty = 0;
  for (const q of board.near[point]) {
    const stone = board.stones[q];
    if (!stone) { empty += 1; continue; }
    const free = board.liberties(q).length;
    if (stone === colour ? free > 2 : free === 1) return true;
  }
  return empty > 1;
}

// A random legal move that fills no own eye and lies in no home that is closed, into atari only where there is no other;
// -1 when there is none.
function randomMove(board, colour, random, closed) {
  const empty = [];
  board.stones.forEach((stone, point) => { if (!stone && !closed(point, colour)) empty.push(point); });
  let rest = -1;
  while (empty.length) {
    const k = Math.floor(random() * empty.length);
    const point = empty[k];
    if (!board.whyIllegal(point, colour) && !board.isEye(point, colour)) {
      if (isSafe(board, point, colour)) return point;
      rest = point;
    }
    empty[k] = empty[empty.length - 1];
    empty.pop();
  }
  return rest;
}

// Numbers 0 to 1 that are the same each time (mulberry32).
function generator(seed = 0) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
