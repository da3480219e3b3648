// Reading ladders, as apps/go/rules/ladders.py does: the attacker may only give atari, the defender only extend or
// capture a chain that gives atari. A chain with three liberties has escaped, and so has one when BUDGET moves are read.
import { opponent } from './points.js';

const BUDGET = 600;
const DEPTH = 400;
const CAPTURES_READ = 7; // attackers in atari that a reading looks at
export const [LADDERED, BEFORE, LONG_BEFORE, CAPTURES, ESCAPES] = [1, 2, 4, 8, 16];

const known = new WeakMap(); // what was found on a board: the two before the last move are asked for again

// For `colour` to move, bits of every point: LADDERED on caught chains, CAPTURES and ESCAPES on moves.
export function markLadders(board, colour) {
  if (!known.has(board)) known.set(board, []);
  const found = known.get(board);
  found[colour] ??= readLadders(board, colour);
  return found[colour];
}

function readLadders(board, colour) {
  const { stones, chains } = board;
  const marks = new Uint8Array(stones.length);
  for (const chain of new Set(chains)) {
    if (!chain) continue;
    const own = stones[chain[0]];
    const free = board.liberties(chain[0]);
    if (free.length > 2) continue;
    let lost;
    if (free.length === 1) {
      const saves = escapingMoves(board, chain[0]).filter((move) => escapes(board, chain[0], move, own));
      lost = !saves.length;
      if (own === colour) for (const move of saves) marks[move] |= ESCAPES;
    } else {
      const works = ataris(board, chain[0], free).filter((move) => !board.whyIllegal(move, opponent(own))
        && caught(board.play(move, opponent(own)), chain[0], true));
      lost = works.length > 0;
      if (own !== colour) for (const move of works) marks[move] |= CAPTURES;
    }
    if (lost) for (const stone of chain) marks[stone] |= LADDERED;
  }
  return marks;
}

function escapes(board, point, move, own) {
  if (board.whyIllegal(move, own)) return false;
  const after = board.play(move, own);
  const free = after.liberties(point).length;
  return free > 2 || (free === 2 && !caught(after, point, false));
}

// Whether the chain at `point` is caught; `defends`: its side moves now, and it is in atari, else it has two liberties.
function caught(board, point, defends) {
  const reading = { left: BUDGET, spent: false };
  const lost = decided(board, point, defends, 0, reading);
  return lost && !reading.spent;
}

function decided(board, point, defends, depth, reading) {
  const own = board.stones[point];
  const side = defends ? own : opponent(own);
  for (const move of defends ? escapingMoves(board, point) : ataris(board, point, board.liberties(point))) {
    if (board.whyIllegal(move, side)) continue;
    reading.left -= 1;
    if (reading.left < 0 || depth + 1 === DEPTH) reading.spent = true;
    if (reading.spent) return false;
    const after = board.play(move, side);
    const free = after.liberties(point).length;
    if (defends && free === 1) continue;
    const lost = defends && free > 2 ? false : decided(after, point, !defends, depth + 1, reading);
    if (lost !== defends) return lost; // the side whose turn it is has what it wants
  }
  return defends; // no move helps
}

// The moves by which a chain in atari may save itself: captures of attackers in atari, then its liberty.
function escapingMoves(board, point) {
  const { stones, chains, near } = board;
  const found = [];
  for (const stone of chains[point]) {
    for (const q of near[stone]) {
      if (stones[q] !== opponent(stones[point]) || found.length >= CAPTURES_READ) continue;
      const free = board.liberties(q);
      if (free.length === 1 && !found.includes(free[0])) found.push(free[0]);
    }
  }
  const [last] = board.liberties(point);
  return found.includes(last) ? found : [...found, last];
}

// The attacker's moves on a chain with two liberties, but for those after which it surely gets three at the other one.
function ataris(board, point, [low, high]) {
  return [[low, high], [high, low]].filter(([move, other]) => !runsFree(board, point, move, other)).map(([move]) => move);
}

function runsFree(board, point, move, other) {
  const { stones, chains, near } = board;
  const empty = near[other].filter((q) => !stones[q] && q !== move).length;
  return empty > 2 || near[other].some((q) => stones[q] === stones[point] && chains[q] !== chains[point]
    && board.liberties(q).length > 4);
}
