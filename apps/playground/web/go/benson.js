// Unconditional life, as apps/go/counting/benson.py finds it (Benson 1976): chains that live and areas that are safe
// though their owner passes for ever. A region of a colour is a largest connected set of points without its stones; it
// is vital to a chain when each of its empty points is a liberty of the chain.
import { BLACK, WHITE } from './points.js';

// Of each point the number of its region, -1 on stones of `colour`; and the points of every region.
export function regions({ stones, near }, colour) {
  const region = new Int16Array(stones.length).fill(-1);
  const found = [];
  stones.forEach((stone, start) => {
    if (stone === colour || region[start] >= 0) return;
    const points = [start];
    region[start] = found.length;
    for (const point of points) {
      for (const q of near[point]) {
        if (stones[q] !== colour && region[q] < 0) { region[q] = found.length; points.push(q); }
      }
    }
    found.push(points);
  });
  return { region, points: found };
}

// 1 where black is unconditionally alive or owns a vital region of such chains, 2 where white, else 0.
export function passAlive(board) {
  const out = new Uint8Array(board.stones.length);
  for (const colour of [BLACK, WHITE]) mark(board, colour, out);
  return out;
}

// Chains with two vital regions live, as long as every other chain around these regions does; chains that do not are
// struck, and with them the regions that they border, until nothing changes.
function mark(board, colour, out) {
  const { stones, chains, near } = board;
  const { region, points } = regions(board, colour);
  const borders = new Map(); // chain -> regions beside it
  stones.forEach((stone, point) => {
    if (stone !== colour) return;
    const beside = borders.get(chains[point]) ?? borders.set(chains[point], new Set()).get(chains[point]);
    for (const q of near[point]) if (region[q] >= 0) beside.add(region[q]);
  });
  const touches = (point, chain) => near[point].some((q) => chains[q] === chain);
  const isVital = (number, chain) => points[number].every((point) => stones[point] || touches(point, chain));
  const vital = new Map([...borders].map(([chain, beside]) => [chain, [...beside].filter((each) => isVital(each, chain))]));
  const [alive, safe] = [new Set(borders.keys()), points.map(() => true)];
  for (let changed = true; changed;) {
    changed = false;
    for (const chain of alive) {
      if (vital.get(chain).filter((each) => safe[each]).length >= 2) continue;
      alive.delete(chain);
      for (const each of borders.get(chain)) safe[each] = false;
      changed = true;
    }
  }
  for (const chain of alive) {
    for (const point of chain) out[point] = colour;
    for (const each of vital.get(chain)) if (safe[each]) for (const point of points[each]) out[point] = colour;
  }
}
