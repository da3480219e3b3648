// Names of points: D4 for players, "dp" in SGF. A point is row * size + column, row 0 at the bottom; size * size passes.

const LETTERS = 'ABCDEFGHJKLMNOPQRSTUVWXYZ'; // I is left out
export const [EMPTY, BLACK, WHITE] = [0, 1, 2];

export const opponent = (colour) => 3 - colour;

export function pointName(point, size) {
  return point === size * size ? 'pass' : `${letter(point % size)}${Math.floor(point / size) + 1}`;
}

export function letter(column) {
  return LETTERS[column];
}

// Column, then row from the top; '' is a pass.
export function toSgf(point, size) {
  if (point === size * size) return '';
  return String.fromCharCode(97 + (point % size), 97 + size - 1 - Math.floor(point / size));
}

// The point of SGF letters, a pass for '' and 'tt', -1 for what is no point of this board.
export function fromSgf(text, size) {
  if (text === '' || text === 'tt') return size * size;
  const [column, line] = [text.charCodeAt(0) - 97, text.charCodeAt(1) - 97];
  if (text.length !== 2 || !(column >= 0 && column < size && line >= 0 && line < size)) return -1;
  return (size - 1 - line) * size + column;
}

// The points that have a dot.
export function stars(size) {
  if (size < 7) return [];
  const edge = size >= 13 ? 3 : 2;
  const middle = size % 2 && size >= 9 ? [(size - 1) / 2] : [];
  const lines = [edge, ...(size >= 15 ? middle : []), size - 1 - edge];
  const centre = size < 15 ? middle.map((row) => row * size + row) : [];
  return [...lines.flatMap((row) => lines.map((column) => row * size + column)), ...centre].sort((a, b) => a - b);
}
