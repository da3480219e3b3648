// Pieces of ink in a picture, as apps/digits/shapes.py tells them: the digit, specks, the table's edge, a frame around.
import { halfEven } from '../numbers.js';

const LABEL_SIDE = 128; // longest side on which connected pieces are counted

// Connected pieces (8 neighbours) of a mask: {labels from 1 in reading order, count}.
export function label(mask, width, height) {
  const labels = new Int32Array(width * height);
  let count = 0;
  for (let start = 0; start < mask.length; start += 1) {
    if (!mask[start] || labels[start]) continue;
    count += 1;
    labels[start] = count;
    const waiting = [start];
    while (waiting.length) {
      const at = waiting.pop();
      const [row, column] = [Math.floor(at / width), at % width];
      for (let y = Math.max(row - 1, 0); y <= Math.min(row + 1, height - 1); y += 1) {
        for (let x = Math.max(column - 1, 0); x <= Math.min(column + 1, width - 1); x += 1) {
          const other = y * width + x;
          if (mask[other] && !labels[other]) { labels[other] = count; waiting.push(other); }
        }
      }
    }
  }
  return { labels, count };
}

// The mask without specks, and without what hangs on the picture's edge where something else is left.
export function mainPieces(mask, width, height) {
  const step = Math.ceil(Math.max(width, height) / LABEL_SIDE);
  const [w, h] = [Math.ceil(width / step), Math.ceil(height / step)];
  const place = (i) => Math.floor(Math.floor(i / width) / step) * w + Math.floor((i % width) / step);
  const coarse = new Uint8Array(w * h);
  mask.forEach((set, i) => { if (set) coarse[place(i)] = 1; });
  const { labels, count } = label(coarse, w, h);
  if (!count) return mask;
  const areas = new Float64Array(count + 1);
  for (const each of labels) if (each) areas[each] += 1;
  const along = new Float64Array(count + 1); // the largest share of a side that a piece lies on
  const side = (length, at) => {
    const on = new Float64Array(count + 1);
    for (let i = 0; i < length; i += 1) if (labels[at(i)]) on[labels[at(i)]] += 1 / length;
    on.forEach((share, piece) => { along[piece] = Math.max(along[piece], share); });
  };
  side(w, (i) => i);
  side(w, (i) => (h - 1) * w + i);
  side(h, (i) => i * w);
  side(h, (i) => i * w + w - 1);
  const inner = areas.map((area, piece) => (along[piece] > 0 ? 0 : area));
  // What runs along most of a side is the table; a digit drawn up to the edge is kept where nothing else is left.
  const enough = 0.15 * Math.max(...areas.map((area, piece) => (along[piece] > 0.5 ? 0 : area)), 0.005 * w * h);
  const chosen = Math.max(...inner) >= enough ? inner : areas;
  const least = Math.max(0.04 * Math.max(...chosen), 1);
  return mask.map((set, i) => (set && chosen[labels[place(i)]] >= least ? 1 : 0));
}

// The mask without frames drawn around other ink.
export function withoutFrames(mask, width, height) {
  const { labels, count } = label(mask, width, height);
  const boxes = Array.from({ length: count }, () => ({ left: width, top: height, right: 0, bottom: 0 }));
  labels.forEach((piece, i) => {
    if (!piece) return;
    const [box, row, column] = [boxes[piece - 1], Math.floor(i / width), i % width];
    Object.assign(box, {
      left: Math.min(box.left, column), top: Math.min(box.top, row), right: Math.max(box.right, column + 1), bottom: Math.max(box.bottom, row + 1),
    });
  });
  const encloses = (a, b) => a.left < b.left && b.right < a.right && a.top < b.top && b.bottom < a.bottom;
  const frames = new Set(boxes.flatMap((box, i) => (boxes.some((other) => encloses(box, other) && other.bottom - other.top >= 0.2 * (box.bottom - box.top))
    && hasFourSides(labels, width, box, i + 1) ? [i + 1] : [])));
  return mask.map((set, i) => (set && !frames.has(labels[i]) ? 1 : 0));
}

// Whether a piece runs along most of each side of its box, which round digits do not.
function hasFourSides(labels, width, { left, top, right, bottom }, piece) {
  const [w, h] = [right - left, bottom - top];
  const band = Math.max(2, halfEven(0.06 * Math.min(w, h)));
  const share = (length, at) => {
    let on = 0;
    for (let i = 0; i < length; i += 1) {
      for (let depth = 0; depth < band; depth += 1) {
        const [x, y] = at(i, depth);
        if (x >= 0 && y >= 0 && x < w && y < h && labels[(top + y) * width + left + x] === piece) { on += 1; break; }
      }
    }
    return on / length;
  };
  return Math.min(share(w, (i, d) => [i, d]), share(w, (i, d) => [i, h - 1 - d]), share(h, (i, d) => [d, i]), share(h, (i, d) => [w - 1 - d, i])) > 0.85;
}
