// A colour picture brought to the network's square, as apps/photos/corpora/framing.py does it.
import { resize } from '../digits/resize.js';

const LONGEST = 8; // sides: of a longer picture the far ends are seen no sharper

// {width, height, data: RGBA bytes} -> Uint8Array (3, side, side). Transparency lies on white; `kind` is crop (the
// middle square), pad (bars of the edge's colour) or squash (stretched).
export function framed(picture, side, kind) {
  const factor = factorOf(picture, side);
  const [width, height] = [Math.ceil(picture.width / factor), Math.ceil(picture.height / factor)];
  const edge = kind === 'crop' ? Math.min(width, height) : Math.max(width, height);
  const [wide, high] = kind === 'squash' ? [width, height] : [edge, edge];
  // Python's // rounds down, also below zero.
  const [left, top] = kind === 'crop' ? [Math.floor((width - wide) / 2), Math.floor((height - high) / 2)] : [-Math.floor((wide - width) / 2), -Math.floor((high - height) / 2)];
  const planes = new Uint8Array(3 * side * side);
  for (let channel = 0; channel < 3; channel += 1) {
    const small = reduced(picture, channel, factor);
    const values = new Float32Array(wide * high);
    for (let row = 0; row < high; row += 1) {
      const y = Math.min(Math.max(row + top, 0), height - 1);
      for (let column = 0; column < wide; column += 1) {
        values[row * wide + column] = small[y * width + Math.min(Math.max(column + left, 0), width - 1)];
      }
    }
    // Pillow rounds to bytes after each of the two directions.
    const across = bytes(resize({ width: wide, height: high, values }, side, high, 'bicubic'));
    planes.set(bytes(resize(across, side, side, 'bicubic')).values, channel * side * side);
  }
  return planes;
}

// The whole number by which a large picture is made smaller first, to no less than twice what is needed; else 1.
function factorOf({ width, height }, side) {
  const longest = Math.max(width, height);
  const needed = side * Math.min(Math.floor(longest / Math.min(width, height)) + 1, LONGEST);
  return longest >= 4 * needed ? Math.floor(longest / (2 * needed)) : 1;
}

// One channel on white, each byte the mean of factor x factor pixels, or of those that are left at the far edges.
function reduced({ width, height, data }, channel, factor) {
  const small = new Uint8Array(Math.ceil(width / factor) * Math.ceil(height / factor));
  let to = 0;
  for (let top = 0; top < height; top += factor) {
    for (let left = 0; left < width; left += factor) {
      const [bottom, right] = [Math.min(top + factor, height), Math.min(left + factor, width)];
      let sum = 0;
      for (let row = top; row < bottom; row += 1) {
        for (let at = 4 * (row * width + left); at < 4 * (row * width + right); at += 4) {
          const alpha = data[at + 3];
          sum += alpha === 255 ? data[at + channel] : (data[at + channel] * alpha + 255 * (255 - alpha)) / 255;
        }
      }
      small[to] = Math.round(sum / ((bottom - top) * (right - left)));
      to += 1;
    }
  }
  return small;
}

function bytes(picture) {
  return { ...picture, values: picture.values.map((value) => Math.min(Math.max(Math.round(value), 0), 255)) };
}
