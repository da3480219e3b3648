// The rules of Go. A board is a value: playing gives a new one, so that reading ahead and taking back need no undo.
import { opponent } from './points.js';

const TABLES = new Map();

// Neighbours and diagonal neighbours of every point: below, above, left, right.
function tables(size) {
  if (!TABLES.has(size)) {
    const beside = (steps) => Array.from({ length: size * size }, (_, point) => steps
      .map(([down, right]) => [Math.floor(point / size) + down, (point % size) + right])
      .filter(([row, column]) => row >= 0 && column >= 0 && row < size && column < size)
      .map(([row, column]) => row * size + column));
    TABLES.set(size, { near: beside([[-1, 0], [1, 0], [0, -1], [0, 1]]), diagonal: beside([[-1, -1], [-1, 1], [1, -1], [1, 1]]) });
  }
  return TABLES.get(size);
}

export class Board {
  // stones: colour of each point; chains: of each stone the array of all stones of its chain, one array a chain.
  // `ko` is the point that simple ko forbids to `koColour`, or -1; `captured` counts what the last move took.
  constructor(size, stones, chains, ko = -1, koColour = 0, captured = 0) {
    const { near, diagonal } = tables(size);
    [this.size, this.stones, this.chains, this.near, this.diagonal] = [size, stones, chains, near, diagonal];
    [this.ko, this.koColour, this.captured, this.free] = [ko, koColour, captured, new Map()];
  }

  static empty(size) {
    return new Board(size, new Uint8Array(size * size), new Array(size * size).fill(null));
  }

  // Stones that lie there from the start; null when a chain has no liberty.
  static setUp(size, black, white) {
    const board = Board.empty(size);
    black.forEach((point) => { board.stones[point] = 1; });
    white.forEach((point) => { board.stones[point] = 2; });
    const { stones, chains, near } = board;
    stones.forEach((colour, point) => { if (colour) chains[point] = [point]; });
    stones.forEach((colour, point) => {
      for (const q of near[point]) {
        if (!colour || q > point || stones[q] !== colour || chains[q] === chains[point]) continue;
        const chain = joined(chains[point], chains[q]);
        for (const stone of chain) chains[stone] = chain;
      }
    });
    return stones.every((colour, point) => !colour || board.liberties(point).length > 0) ? board : null;
  }

  // The liberties of the chain at a point, in ascending order: found once, for a board never changes.
  liberties(point) {
    const chain = this.chains[point];
    let found = this.free.get(chain);
    if (!found) this.free.set(chain, found = libertiesOf(chain, this.stones, this.near));
    return found;
  }

  // '' for a legal move, else 'occupied', 'ko' or 'suicide'.
  whyIllegal(point, colour) {
    const { stones, near } = this;
    if (stones[point]) return 'occupied';
    if (this.ko === point && this.koColour === colour) return 'ko';
    for (const q of near[point]) {
      if (!stones[q]) return '';
      const last = this.liberties(q).length === 1;
      if (stones[q] === colour ? !last : last) return '';
    }
    return 'suicide';
  }

  // The board after a legal move.
  play(point, colour) {
    const [stones, chains, near] = [this.stones.slice(), this.chains.slice(), this.near];
    stones[point] = colour;
    let own = [point];
    const merged = new Set();
    for (const q of near[point]) {
      if (stones[q] !== colour || merged.has(chains[q])) continue;
      merged.add(chains[q]);
      own = joined(own, chains[q]);
    }
    for (const stone of own) chains[stone] = own;
    let [captured, last] = [0, -1];
    for (const q of near[point]) {
      if (stones[q] !== opponent(colour) || libertiesOf(chains[q], stones, near).length) continue;
      captured += chains[q].length;
      [last] = chains[q];
      for (const stone of chains[q]) [stones[stone], chains[stone]] = [0, null];
    }
    const isKo = captured === 1 && own.length === 1 && libertiesOf(own, stones, near).length === 1;
    return new Board(this.size, stones, chains, isKo ? last : -1, opponent(colour), captured);
  }

  // The board after a pass, which lifts the ko.
  pass() {
    return new Board(this.size, this.stones, this.chains);
  }

  // An empty point among stones of one colour, of whose diagonals the opponent holds at most one, at an edge none.
  isEye(point, colour) {
    const { stones, near, diagonal } = this;
    if (stones[point] || near[point].some((q) => stones[q] !== colour)) return false;
    const enemies = diagonal[point].filter((q) => stones[q] === opponent(colour)).length;
    return enemies < (diagonal[point].length < 4 ? 1 : 2);
  }

  // Black's points minus white's by area counting, with all stones alive.
  area() {
    const { stones, near } = this;
    const done = new Set();
    let score = 0;
    stones.forEach((stone, start) => {
      if (stone) { score += stone === 1 ? 1 : -1; return; }
      if (done.has(start)) return;
      done.add(start);
      const region = [start];
      let border = 0;
      for (const point of region) {
        for (const q of near[point]) {
          if (stones[q]) border |= stones[q];
          else if (!done.has(q)) { done.add(q); region.push(q); }
        }
      }
      if (border === 1) score += region.length;
      if (border === 2) score -= region.length;
    });
    return score;
  }

  // The same for boards with the same stones.
  key() {
    return this.stones.join('');
  }
}

// Two chains as one, in the order in which apps/go/rules/kernels.py walks through them.
function joined(first, second) {
  const [a, b] = first.length < second.length ? [second, first] : [first, second];
  return [a[0], ...b.slice(1), b[0], ...a.slice(1)];
}

const seen = new Int32Array(361);
let round = 0;

function libertiesOf(chain, stones, near) {
  round += 1;
  const found = [];
  for (const stone of chain) {
    for (const q of near[stone]) {
      if (stones[q] || seen[q] === round) continue;
      seen[q] = round;
      found.push(q);
    }
  }
  return found.sort((a, b) => a - b);
}
