// The arithmetic of one cell: the patch under a filter, their product, the sum, the bias.

// One place (row, column) of map `unit` of a convolution over `source` {shape: [C, H, W], values}, all plain numbers.
// Gives {channels: [{channel, patch, weights, product, sum}], bias, total}; what lies in the padding is zero.
export function cellOf(source, weight, bias, unit, [row, column], { kernel, stride, pads, dilation }) {
  const [count, height, width] = source.shape;
  const [kh, kw] = kernel;
  const channels = Array.from({ length: count }, (_, channel) => {
    const patch = new Float32Array(kh * kw);
    const weights = new Float32Array(kh * kw);
    const product = new Float32Array(kh * kw);
    let sum = 0;
    for (let i = 0; i < kh; i += 1) {
      for (let j = 0; j < kw; j += 1) {
        const y = row * stride[0] - pads[0] + i * dilation[0];
        const x = column * stride[1] - pads[1] + j * dilation[1];
        const inside = y >= 0 && x >= 0 && y < height && x < width;
        const at = i * kw + j;
        patch[at] = inside ? source.values[(channel * height + y) * width + x] : 0;
        weights[at] = weight.data[((unit * count + channel) * kh + i) * kw + j];
        product[at] = patch[at] * weights[at];
        sum += product[at];
      }
    }
    return { channel, patch, weights, product, sum };
  });
  const own = bias ? bias.data[unit] : 0;
  return { channels, bias: own, total: channels.reduce((sum, { sum: part }) => sum + part, own) };
}
