// Game records, SGF FF[4]: the main line of the first game, read as apps/go/records does; and written.
import { Game } from './game.js';
import { BLACK, fromSgf, toSgf, WHITE } from './points.js';

const MOST_MOVES = 5000;

// What cannot be read; `key` and `values` are for say().
export class BadRecord extends Error {
  constructor(key, values = {}) {
    super(key);
    Object.assign(this, { key, values });
  }
}

// The text of a record -> Game. Raises BadRecord.
export function readSgf(text) {
  const nodes = mainLine(text);
  if (!nodes.length) throw new BadRecord('sgfNone');
  const root = Object.assign({}, ...nodes.slice(0, 1));
  const size = sizeOf(root.SZ?.[0] ?? '');
  const komi = komiOf(root.KM?.[0] ?? '', root.AP?.[0] ?? '');
  const start = new Map();
  let [toMove, game, count] = [0, null, 0];
  const begin = () => {
    const of = (colour) => [...start].filter(([, stone]) => stone === colour).map(([point]) => point).sort((a, b) => a - b);
    try {
      return new Game(size, { komi, black: of(BLACK), white: of(WHITE), toMove });
    } catch (error) {
      if (error instanceof RangeError) throw new BadRecord('sgfSetup');
      throw error;
    }
  };
  for (const node of nodes) {
    for (const [key, colour] of [['AB', BLACK], ['AW', WHITE], ['AE', 0]]) {
      for (const value of node[key] ?? []) {
        if (!value.trim()) continue;
        if (game) throw new BadRecord('sgfLate', { number: count });
        for (const point of rectangle(value, size)) colour ? start.set(point, colour) : start.delete(point);
      }
    }
    toMove = { b: BLACK, 1: BLACK, w: WHITE, 2: WHITE }[node.PL?.[0].trim().toLowerCase()[0]] ?? toMove;
    for (const [key, values] of Object.entries(node)) {
      if (key !== 'B' && key !== 'W') continue;
      count += 1;
      game ??= begin();
      const colour = key === 'B' ? BLACK : WHITE;
      const point = fromSgf(values[0].replace(/\\?\s+/g, ''), size);
      if (point < 0 || count > MOST_MOVES || game.whyIllegal(point, colour)) throw new BadRecord('sgfIllegal', { number: count });
      game.play(point, colour);
    }
  }
  return game ?? begin();
}

export function writeSgf(game, { black, white }) {
  const { size, komi, start, moves, first } = game;
  const stones = (key, points) => (points.length ? key + points.map((point) => `[${toSgf(point, size)}]`).join('') : '');
  const usual = start.black.length && !start.white.length ? WHITE : BLACK;
  return `(;GM[1]FF[4]CA[UTF-8]AP[cnn-suite]SZ[${size}]KM[${komi}]RU[Chinese]PB[${escaped(black)}]PW[${escaped(white)}]`
    + `${stones('AB', start.black)}${stones('AW', start.white)}${first === usual ? '' : `PL[${'BW'[first - 1]}]`}\n`
    + `${moves.map(({ colour, point }) => `;${'BW'[colour - 1]}[${toSgf(point, size)}]`).join('')})\n`;
}

const escaped = (text) => text.replace(/[\]\\]/g, '\\$&');

// The nodes of the main line, each {KEY: [values]}: the first variation wherever there are several.
function mainLine(text) {
  const nodes = [];
  const begin = text.search(/\(\s*;/);
  if (begin < 0) return nodes;
  let [node, key, at] = [null, '', begin + 1];
  while (at < text.length) {
    const sign = text[at];
    if (sign === ')') break;
    if (sign === ';') { node = {}; nodes.push(node); key = ''; }
    if (sign === '[') {
      const end = valueEnd(text, at + 1);
      if (node && key) (node[key] ??= []).push(text.slice(at + 1, end).replace(/\\(\r\n|\n\r|\n|\r)/g, '').replace(/\\([\s\S])/g, '$1'));
      at = end;
    } else if (/[A-Za-z]/.test(sign)) {
      let end = at;
      while (end < text.length && /[A-Za-z]/.test(text[end])) end += 1;
      key = text.slice(at, end).replace(/[a-z]/g, '');
      at = end - 1;
    }
    at += 1;
  }
  return nodes;
}

function valueEnd(text, from) {
  let at = from;
  while (at < text.length && text[at] !== ']') at += text[at] === '\\' ? 2 : 1;
  return at;
}

function sizeOf(text) {
  const [, columns, rows] = /^\s*(\d{1,3})?\s*(?::\s*(\d{1,3}))?\s*$/.exec(text) ?? [];
  const size = columns === undefined && !text.trim() ? 19 : Number(columns);
  if (!(size >= 2 && size <= 19) || (rows !== undefined && Number(rows) !== size)) throw new BadRecord('sgfSize', { size: text.slice(0, 9) });
  return size;
}

// Points; 0 where it is missing, no number or more than 60. From 100 on hundredths, of points or of Chinese half counts.
export function komiOf(text, application = '') {
  const found = /^([+-]?(?:\d{1,4}(?:\.\d*)?|\.\d+))\s*(目半|目|points?|pts?\.?)?$/.exec(text.replaceAll(',', '.').trim());
  let value = found ? Number(found[1]) + (found[2] === '目半' ? 0.5 : 0) : 0;
  if (Math.abs(value) >= 100) value = value % 50 ? value / 50 : value / 100;
  else if (Math.abs(value) === 50 && /fox|野狐/i.test(application)) value /= 100;
  return Math.abs(value) <= 60 ? value : 0;
}

function rectangle(value, size) {
  const corners = value.split(':').map((part) => fromSgf(part.replace(/\s+/g, ''), size));
  if (corners.length > 2 || corners.some((point) => point < 0 || point === size * size)) throw new BadRecord('sgfSetup');
  const [[row, column], [row2, column2]] = [corners[0], corners[corners.length - 1]].map((point) => [Math.floor(point / size), point % size]);
  const found = [];
  for (let r = Math.min(row, row2); r <= Math.max(row, row2); r += 1) {
    for (let c = Math.min(column, column2); c <= Math.max(column, column2); c += 1) found.push(r * size + c);
  }
  return found;
}
