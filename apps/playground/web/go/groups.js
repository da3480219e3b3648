// Groups that random games cannot decide, as apps/go/counting/groups.py settles them: many liberties and no room for two
// eyes mean that a group is dead, few liberties beside a weak opponent or with an eye that it lives in seki.
import { regions } from './benson.js';
import { BLACK, opponent, WHITE } from './points.js';

const WEAK = 0.3; // chains whose ownership is nearer to 0 are undecided
const SLIGHT = 0.2; // the same for small groups that may live in seki
const LARGE = 10; // stones of a group that is not small
const OPEN = 5; // a group with so many liberties stands in no seki
const ROOM = 4; // points of a region in which a group can make two eyes
const HOME = 16; // regions of more points, or of more than a fifth of the board, are not its own
const FIRM = 0.2; // opponents weaker than this may be taken first: beside them no group is dead

// Stones that are dead, and stones that are alive, whatever the sign of their `owner` (+1 black to -1 white) says.
export function settled(board, owner) {
  const home = Math.min(HOME, Math.floor(board.stones.length / 5));
  const dead = new Set();
  const alive = new Set();
  const groups = undecided(board, owner);
  const found = groups.length ? [null, regions(board, BLACK), regions(board, WHITE)] : [];
  for (const { colour, stones, liberties, value } of groups) {
    const side = colour === BLACK ? 1 : -1;
    const { region, points } = found[colour];
    const around = new Set([...stones, ...liberties].flatMap((point) => board.near[point]));
    const beside = new Set([...stones].flatMap((point) => board.near[point]).map((q) => region[q]).filter((number) => number >= 0));
    const rooms = [...beside].map((number) => points[number].length).filter((size) => size <= home);
    const friends = [...around].filter((q) => board.stones[q] === colour && !stones.has(q)).map((q) => side * owner[q]);
    const others = [...around].filter((q) => board.stones[q] === opponent(colour)).map((q) => -side * owner[q]);
    const weakest = Math.min(1, ...others);
    if (liberties.size >= OPEN) {
      if (Math.max(0, ...rooms) < ROOM && Math.max(-1, ...friends) < WEAK && weakest >= FIRM) stones.forEach((stone) => dead.add(stone));
    } else if (value > -(stones.size >= LARGE ? WEAK : SLIGHT) && (rooms.length || weakest < WEAK)) {
      stones.forEach((stone) => alive.add(stone));
    }
  }
  return { dead, alive };
}

// Undecided chains of one colour that share liberties; `value` is their mean ownership, +1 where their own side keeps them.
function undecided(board, owner) {
  const mean = (stones) => [...stones].reduce((sum, stone) => sum + owner[stone], 0) / [...stones].length;
  let groups = [];
  for (const chain of new Set(board.chains.filter(Boolean))) {
    if (Math.abs(mean(chain)) >= WEAK) continue;
    const group = { colour: board.stones[chain[0]], stones: new Set(chain), liberties: new Set(board.liberties(chain[0])) };
    groups = groups.filter((other) => {
      if (other.colour !== group.colour || ![...other.liberties].some((point) => group.liberties.has(point))) return true;
      other.stones.forEach((stone) => group.stones.add(stone));
      other.liberties.forEach((point) => group.liberties.add(point));
      return false;
    });
    groups.push(group);
  }
  return groups.map((group) => ({ ...group, value: mean(group.stones) * (group.colour === BLACK ? 1 : -1) }));
}
