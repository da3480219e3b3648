// The board as a picture: wood, lines, coordinates, stones with their shadow, the network's moves, a map laid over it.
import { canvas } from '../dom.js';
import { diverging, largest } from '../views/colours.js';
import { stone, wood } from './material.js';
import { letter, stars } from './points.js';

const LINE = 'rgb(74 50 22)';
const LETTER = 'rgb(92 64 30)';
const LEAST = 0.004; // moves below this probability are not drawn
// A move by its share of the best one's probability; the best is the blue of review programs.
const RAMP = [[104, 140, 70], [38, 134, 84], [14, 122, 140], [18, 98, 190]];

export class Picture {
  constructor(sheet, size) {
    Object.assign(this, { sheet, size, context: sheet.getContext('2d'), side: 0 });
  }

  // Make everything for a canvas of side x side pixels.
  resize(side) {
    if (side === this.side) return;
    this.sheet.width = side;
    this.sheet.height = side;
    this.side = side;
    this.unit = side / (this.size + 1.12);
    this.edge = (side - (this.size - 1) * this.unit) / 2;
    this.ground = this.empty(wood(Math.min(side, 700), (this.unit * Math.min(side, 700)) / side));
    const wide = Math.max(Math.round(0.955 * this.unit), 4);
    this.stones = { 1: [stone(1, wide)], 2: [0, 1, 2, 3].map((kind) => stone(2, wide, kind)) };
  }

  // Middle of a point in pixels.
  place(point) {
    const [row, column] = [Math.floor(point / this.size), point % this.size];
    return [this.edge + column * this.unit, this.side - this.edge - row * this.unit];
  }

  // The point at a place given as shares of the canvas' sides, or -1.
  pointAt(x, y) {
    const column = Math.round((x * this.side - this.edge) / this.unit);
    const row = Math.round(((1 - y) * this.side - this.edge) / this.unit);
    return column >= 0 && row >= 0 && column < this.size && row < this.size ? row * this.size + column : -1;
  }

  // `stones` by point; `shares` probabilities by point; `map` values by point;
  // `owner` of each point, +1 black to -1 white; `dead` stones; `ghost` {point, colour}; `cursor` a point.
  draw({ stones, last = -1, shares = null, map = null, owner = null, dead = null, ghost = null, cursor = -1 }) {
    const { context } = this;
    context.drawImage(this.ground, 0, 0);
    const lies = (point) => Boolean(dead?.has(point));
    stones.forEach((colour, point) => { if (colour && !lies(point)) this.shadow(point); });
    stones.forEach((colour, point) => {
      context.globalAlpha = lies(point) ? 0.45 : 1;
      if (colour) this.stone(point, colour);
    });
    context.globalAlpha = 1;
    if (ghost) { context.globalAlpha = 0.5; this.stone(ghost.point, ghost.colour); context.globalAlpha = 1; }
    if (map) this.map(map);
    if (owner) this.owners(owner, stones, lies);
    if (shares) this.shares(shares);
    if (last >= 0 && stones[last]) this.ring(last, 0.25, stones[last] === 1 ? '#fafaf8' : '#18181a', 0.065);
    if (cursor >= 0) this.cursor(cursor);
  }

  // The board without stones, which stays the same.
  empty(grain) {
    const { context, side } = this;
    const ground = canvas(side, side);
    context.drawImage(grain, 0, 0, side, side);
    this.lines();
    this.letters();
    ground.getContext('2d').drawImage(this.sheet, 0, 0);
    return ground;
  }

  lines() {
    const { context, size, unit, edge, side } = this;
    context.strokeStyle = LINE;
    for (let k = 0; k < size; k += 1) {
      const at = edge + k * unit;
      context.lineWidth = Math.max(1, unit * (k === 0 || k === size - 1 ? 0.044 : 0.026));
      context.beginPath();
      context.moveTo(at, edge); context.lineTo(at, side - edge);
      context.moveTo(edge, at); context.lineTo(side - edge, at);
      context.stroke();
    }
    context.fillStyle = LINE;
    for (const point of stars(size)) this.disc(point, 0.085);
  }

  letters() {
    const { context, size, unit, edge, side } = this;
    Object.assign(context, { fillStyle: LETTER, textAlign: 'center', textBaseline: 'middle', font: `${0.3 * unit}px system-ui, sans-serif` });
    for (let k = 0; k < size; k += 1) {
      const at = edge + k * unit;
      for (const far of [0.34 * unit, side - 0.34 * unit]) {
        context.fillText(letter(k), at, far);
        context.fillText(String(k + 1), far, side - at);
      }
    }
  }

  disc(point, radius) {
    const [x, y] = this.place(point);
    this.context.beginPath();
    this.context.arc(x, y, radius * this.unit, 0, 2 * Math.PI);
    this.context.fill();
  }

  ring(point, radius, colour, width) {
    const [x, y] = this.place(point);
    Object.assign(this.context, { strokeStyle: colour, lineWidth: Math.max(1.5, width * this.unit) });
    this.context.beginPath();
    this.context.arc(x, y, radius * this.unit, 0, 2 * Math.PI);
    this.context.stroke();
  }

  shadow(point) {
    const { context, unit } = this;
    const [x, y] = this.place(point).map((value) => value + 0.055 * unit);
    const soft = context.createRadialGradient(x, y, 0.36 * unit, x, y, 0.56 * unit);
    soft.addColorStop(0, 'rgb(42 24 6 / .62)');
    soft.addColorStop(1, 'rgb(42 24 6 / 0)');
    context.fillStyle = soft;
    this.disc(point, 0.65);
  }

  stone(point, colour) {
    const [x, y] = this.place(point);
    const kinds = this.stones[colour];
    const picture = kinds[point % kinds.length];
    this.context.drawImage(picture, x - picture.width / 2, y - picture.height / 2);
  }

  map(values) {
    const { context, unit } = this;
    const scale = largest(values);
    values.forEach((value, point) => {
      const share = scale ? value / scale : 0;
      if (Math.abs(share) < 0.02) return;
      const [x, y] = this.place(point);
      const [r, g, b] = diverging(Math.sign(share));
      context.fillStyle = `rgb(${r} ${g} ${b} / ${0.15 + 0.65 * Math.abs(share)})`;
      context.fillRect(x - unit / 2, y - unit / 2, unit, unit);
    });
  }

  // Small squares of the owner's colour, larger the surer; none on its own stones that live.
  owners(values, stones, lies) {
    const { context, unit } = this;
    values.forEach((value, point) => {
      const colour = value > 0 ? 1 : 2;
      if (Math.abs(value) < 0.1 || (stones[point] === colour && !lies(point))) return;
      const [x, y] = this.place(point);
      const half = 0.2 * unit * Math.sqrt(Math.abs(value));
      Object.assign(context, { fillStyle: colour === 1 ? '#18181a' : '#fafaf8', strokeStyle: colour === 1 ? '#fafaf8' : '#18181a', lineWidth: Math.max(1, 0.025 * unit) });
      context.fillRect(x - half, y - half, 2 * half, 2 * half);
      context.strokeRect(x - half, y - half, 2 * half, 2 * half);
    });
  }

  // Discs, larger and bluer the likelier; per cents where there is room.
  shares(values) {
    const { context, unit } = this;
    const best = Math.max(...values.slice(0, this.size ** 2));
    const order = Array.from({ length: this.size ** 2 }, (_, point) => point).filter((point) => values[point] >= LEAST);
    for (const point of order.sort((a, b) => values[a] - values[b])) {
      const share = values[point];
      const labelled = share >= 0.0095;
      const size = Math.max(0.12 + 0.325 * Math.min(1, (share / Math.max(best, 0.1)) ** 0.4), labelled ? 0.27 : 0);
      context.fillStyle = `rgb(${ramp(share / best).join(' ')} / ${0.62 + 0.31 * (share / best) ** 0.5})`;
      this.disc(point, size);
      if (share === best) this.ring(point, size, 'rgb(255 255 255 / .92)', 0.045);
      if (!labelled) continue;
      const [x, y] = this.place(point);
      Object.assign(context, { fillStyle: '#fff', textAlign: 'center', textBaseline: 'middle', font: `600 ${(size > 0.36 ? 0.34 : 0.3) * unit}px system-ui, sans-serif` });
      context.fillText(Math.round(100 * share), x, y + 0.015 * unit);
    }
  }

  cursor(point) {
    const { context, unit } = this;
    const [x, y] = this.place(point);
    for (const [colour, width] of [['#fff', 0.1], ['#c2410c', 0.05]]) {
      Object.assign(context, { strokeStyle: colour, lineWidth: width * unit });
      context.strokeRect(x - 0.47 * unit, y - 0.47 * unit, 0.94 * unit, 0.94 * unit);
    }
  }
}

function ramp(share) {
  const t = Math.min(Math.max(share, 0), 1) * (RAMP.length - 1);
  const i = Math.min(Math.floor(t), RAMP.length - 2);
  return RAMP[i].map((value, c) => Math.round(value + (RAMP[i + 1][c] - value) * (t - i)));
}
