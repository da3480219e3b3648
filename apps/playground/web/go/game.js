// A game: the board with its history. Moves that were taken back can be played again.
import { Board } from './board.js';
import { BLACK, opponent, WHITE } from './points.js';

export class Game {
  // `black` and `white` are the points of set-up stones. Throws RangeError where one of their chains has no liberty.
  constructor(size, { komi = 7.5, black = [], white = [], toMove = 0 } = {}) {
    const first = Board.setUp(size, black, white);
    if (!first) throw new RangeError('a set-up chain has no liberty');
    Object.assign(this, { size, komi, start: { black, white }, boards: [first], moves: [], future: [] });
    this.first = toMove || (black.length && !white.length ? WHITE : BLACK);
  }

  get board() { return this.boards[this.boards.length - 1]; }

  get passes() { return this.size * this.size; }

  get last() { return this.moves[this.moves.length - 1] ?? null; }

  get toMove() { return this.last ? opponent(this.last.colour) : this.first; }

  // Whether both have passed, one after the other.
  get over() {
    return this.moves.slice(-2).filter(({ point }) => point === this.passes).length === 2;
  }

  whyIllegal(point, colour = this.toMove) {
    return point === this.passes ? '' : this.board.whyIllegal(point, colour);
  }

  // Play a legal move or pass; gives the number of stones captured.
  play(point, colour = this.toMove) {
    const reason = this.whyIllegal(point, colour);
    if (reason) throw new RangeError(reason);
    this.boards.push(point === this.passes ? this.board.pass() : this.board.play(point, colour));
    this.moves.push({ colour, point });
    this.future = [];
    return this.board.captured;
  }

  undo() {
    if (!this.moves.length) return false;
    this.future.push([this.moves.pop(), this.boards.pop()]);
    return true;
  }

  redo() {
    if (!this.future.length) return false;
    const [move, board] = this.future.pop();
    this.moves.push(move);
    this.boards.push(board);
    return true;
  }

  // Where `colour` may play; with `superko` not where an earlier board would come back (positional superko).
  legal(colour = this.toMove, superko = false) {
    const earlier = superko ? new Set(this.boards.map((board) => board.key())) : null;
    return Array.from({ length: this.passes }, (_, point) => !this.board.whyIllegal(point, colour)
      && !(earlier && earlier.has(this.board.play(point, colour).key())));
  }
}

// The move of a network whose probabilities are `shares` (size * size, and one more where it knows passes): a legal
// point that repeats no board and fills no own eye, or a pass: when there is none, when it prefers one, and when the
// opponent has passed and the board as it stands is won, or has passed twice.
export function choose(game, shares) {
  const colour = game.toMove;
  const sensible = game.legal(colour, true).map((legal, point) => legal && !game.board.isEye(point, colour));
  let best = game.passes;
  for (let point = 0; point < game.passes; point += 1) {
    if (sensible[point] && (best === game.passes || shares[point] > shares[best])) best = point;
  }
  if (best === game.passes || (shares[game.passes] ?? 0) >= shares[best]) return game.passes;
  const [latest, , earlier] = game.moves.slice(-3).reverse().map(({ point }) => point === game.passes);
  if (latest && game.moves.length >= game.passes / 4) {
    const lead = game.board.area() - game.komi;
    if (earlier || (colour === BLACK ? lead > 0 : lead < 0)) return game.passes;
  }
  return best;
}

// Logits (size * size, or one more) -> probabilities of the legal moves.
export function policy(game, logits) {
  const legal = game.legal();
  const allowed = Array.from(logits, (_, point) => point === game.passes || legal[point]);
  if (!allowed.includes(true)) return allowed.map(() => 0);
  const top = logits.reduce((best, value, point) => (allowed[point] ? Math.max(best, value) : best), -Infinity);
  const powers = Array.from(logits, (value, point) => (allowed[point] ? Math.exp(value - top) : 0));
  const sum = powers.reduce((total, value) => total + value, 0);
  return powers.map((value) => value / sum);
}
