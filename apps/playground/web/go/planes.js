// A position as the network takes it: compact planes of bytes, as apps/go/rules/encode.py makes them.
import { halfEven } from '../numbers.js';
import { BEFORE, LADDERED, LONG_BEFORE, markLadders } from './ladders.js';
import { WHITE } from './points.js';

const [STONES, LIBERTIES, AGE, LADDERS, KOMI, CAPTURE, AFTER_MOVE] = [0, 1, 2, 3, 4, 5, 6];
const [LEGAL, EYE] = [32, 64];

// The first `count` planes of 7, (count, size, size) row by row from the bottom, for `colour` to move.
export function encode(game, count, colour = game.toMove) {
  const { board, boards, moves, komi, size } = game;
  const n = size * size;
  const planes = Array.from({ length: 7 }, () => new Uint8Array(n));
  board.stones.forEach((stone, point) => {
    planes[STONES][point] = (colour === WHITE ? 4 : 0) + (stone === 0 ? 0 : stone === colour ? 1 : 2);
    planes[LIBERTIES][point] = stone ? Math.min(board.liberties(point).length, 255) : 0;
  });
  if (board.ko >= 0 && board.koColour === colour) planes[STONES][board.ko] += 8;
  moves.forEach(({ point }, i) => {
    const age = moves.length - i;
    if (point < n) planes[AGE][point] = age < 256 ? age : 0;
  });
  if (count > LADDERS) {
    planes[LADDERS] = markLadders(board, colour).slice();
    [BEFORE, LONG_BEFORE].forEach((bit, i) => {
      const earlier = boards[moves.length - 1 - i];
      if (!earlier) return;
      const marks = markLadders(earlier, moves[moves.length - 1 - i].colour);
      marks.forEach((mark, point) => { if (mark & LADDERED) planes[LADDERS][point] |= bit; });
    });
  }
  if (count > KOMI) planes[KOMI].fill(Math.min(Math.max(128 + halfEven(2 * (colour === WHITE ? komi : -komi)), 0), 255));
  if (count > CAPTURE) writeTactics(board, colour, planes);
  const flat = new Uint8Array(count * n);
  for (let plane = 0; plane < count; plane += 1) flat.set(planes[plane], plane * n);
  return flat;
}

// LEGAL and EYE, and what a move at each point would do.
function writeTactics(board, colour, planes) {
  for (let point = 0; point < board.stones.length; point += 1) {
    if (board.whyIllegal(point, colour)) continue;
    const after = board.play(point, colour);
    const free = after.liberties(point).length;
    const atari = free === 1 ? Math.min(after.chains[point].length, 15) : 0;
    planes[LADDERS][point] |= LEGAL | (board.isEye(point, colour) ? EYE : 0);
    planes[CAPTURE][point] = Math.min(after.captured, 15) + 16 * atari;
    planes[AFTER_MOVE][point] = Math.min(free, 255);
  }
}
