// Wood and stones, computed once for each size: straight-grained kaya, slate, clam shell, lit from the upper left.
import { canvas } from '../dom.js';

// Random numbers that are always the same (Mulberry32), so that the board does not change its grain.
function random(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

// A canvas of side x side; `unit` is the distance of two lines. Year rings bend a little, and dark late wood ends each.
export function wood(side, unit) {
  const sheet = canvas(side, side);
  const context = sheet.getContext('2d');
  const image = context.createImageData(side, side);
  const next = random(1919);
  const ends = [0];
  while (ends[ends.length - 1] < side / unit + 2) ends.push(ends[ends.length - 1] + 0.16 + 0.28 * next());
  const tones = ends.map(() => next() + next() + next() - 1.5);
  const fibres = Array.from({ length: Math.ceil(side / 2) + 1 }, () => next() - 0.5);
  for (let y = 0; y < side; y += 1) {
    const down = y / unit;
    let ring = 0;
    for (let x = 0; x < side; x += 1) {
      const across = x / unit;
      const place = 0.4 + across + 0.1 * Math.sin(0.21 * down + 0.6) + 0.035 * Math.sin(0.63 * down + 2 + 0.15 * across);
      while (ends[ring + 1] <= place) ring += 1;
      const t = (place - ends[ring]) / (ends[ring + 1] - ends[ring]);
      const late = Math.exp(-(((1 - t) / 0.2) ** 2)) + 0.35 * Math.exp(-((t / 0.1) ** 2));
      const shade = (1 - 0.055 * late + 0.012 * tones[ring] + 0.022 * fibres[x >> 1]) * (1.02 - (0.045 * (x + y)) / (2 * side));
      image.data.set([228 * shade ** 0.85, 184 * shade, 112 * shade ** 1.35, 255], 4 * (y * side + x));
    }
  }
  context.putImageData(image, 0, 0);
  return sheet;
}

const SUN = [-0.458, -0.591, 0.664];
const GRAIN = [0.35, -0.3, 1.25, 0.9]; // directions of the lines in a shell

// A stone from above on a canvas of side x side, `colour` 1 black or 2 white; white ones have one of four grains.
export function stone(colour, side, kind = 0) {
  const sheet = canvas(side, side);
  const context = sheet.getContext('2d');
  const image = context.createImageData(side, side);
  const [cos, sin] = [Math.cos(GRAIN[kind % 4]), Math.sin(GRAIN[kind % 4])];
  for (let row = 0; row < side; row += 1) {
    for (let column = 0; column < side; column += 1) {
      const [x, y] = [(column + 0.5 - side / 2) / (side / 2), (row + 0.5 - side / 2) / (side / 2)];
      const r = Math.hypot(x, y);
      const inside = Math.min(Math.max(((1 - r) * side) / 2 + 0.5, 0), 1);
      if (!inside) continue;
      const z = Math.sqrt(Math.max(1 - (0.86 * x) ** 2 - (0.86 * y) ** 2, 0.05));
      const facing = 0.86 * x * SUN[0] + 0.86 * y * SUN[1] + z * SUN[2];
      const light = Math.min(Math.max(facing, 0), 1);
      const shine = Math.min(Math.max(2 * facing * z - SUN[2], 0), 1);
      let tint;
      if (colour === 1) {
        const grey = 16 + 30 * light ** 2 + 70 * shine ** 5 + 40 * shine ** 30;
        tint = [grey, grey * 1.005, grey * 1.03];
      } else {
        const lines = Math.sin(24 * (y * cos - x * sin + 0.16 * (x * cos + y * sin) ** 2)) * Math.min(Math.max(1.1 - r, 0), 1);
        const grey = 205 + 40 * light ** 0.8 + 14 * shine ** 9 + 2.2 * lines - 34 * (1 - Math.sqrt(Math.max(1 - r * r, 0))) ** 2.2;
        tint = [grey, grey * 0.996, grey * 0.972];
      }
      image.data.set([...tint, 255 * inside], 4 * (row * side + column));
    }
  }
  context.putImageData(image, 0, 0);
  return sheet;
}
