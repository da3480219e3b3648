// Pillow's resampling of float pictures, to the bit but for rounding: separable, the support widened when shrinking.

const FILTERS = {
  box: { support: 0.5, weight: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  bilinear: { support: 1, weight: (x) => Math.max(1 - Math.abs(x), 0) },
  bicubic: { support: 2, weight: cubic },
};

function cubic(x) { // Keys 1981 with a = -0.5
  const t = Math.abs(x);
  if (t < 1) return (1.5 * t - 2.5) * t * t + 1;
  return t < 2 ? ((-0.5 * t + 2.5) * t - 4) * t + 2 : 0;
}

// Of each output place the first input place and the weights of it and those behind it.
function windows(from, to, filter) {
  const scale = from / to;
  const stretch = Math.max(scale, 1);
  const support = filter.support * stretch;
  return Array.from({ length: to }, (_, place) => {
    const centre = (place + 0.5) * scale;
    const start = Math.max(Math.trunc(centre - support + 0.5), 0);
    const stop = Math.min(Math.trunc(centre + support + 0.5), from);
    const weights = Array.from({ length: stop - start }, (_, i) => filter.weight((i + start - centre + 0.5) / stretch));
    const sum = weights.reduce((total, value) => total + value, 0);
    return { start, weights: sum === 0 ? weights : weights.map((value) => value / sum) };
  });
}

// {width, height, values: Float32Array} -> the same at another size.
export function resize(picture, width, height, kind) {
  const filter = FILTERS[kind];
  let { values } = picture;
  if (width !== picture.width) {
    const columns = windows(picture.width, width, filter);
    const wide = new Float32Array(width * picture.height);
    for (let row = 0; row < picture.height; row += 1) {
      columns.forEach(({ start, weights }, column) => {
        let sum = 0;
        for (let i = 0; i < weights.length; i += 1) sum += values[row * picture.width + start + i] * weights[i];
        wide[row * width + column] = sum;
      });
    }
    values = wide;
  }
  if (height !== picture.height) {
    const rows = windows(picture.height, height, filter);
    const high = new Float32Array(width * height);
    rows.forEach(({ start, weights }, row) => {
      for (let column = 0; column < width; column += 1) {
        let sum = 0;
        for (let i = 0; i < weights.length; i += 1) sum += values[(start + i) * width + column] * weights[i];
        high[row * width + column] = sum;
      }
    });
    values = high;
  }
  return { width, height, values };
}
