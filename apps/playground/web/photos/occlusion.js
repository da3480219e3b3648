// Which parts of a picture speak for the answer: each covered in turn with the training pictures' mean colour.

export const STEPS = 8; // parts a side
const BATCH = 16;

// How much the probability of class `best` falls: Float32Array of STEPS * STEPS. answer(pictures, count) gives
// probabilities of each.
export async function occlusion(pixels, side, mean, best, answer) {
  const [[whole], falls] = [await answer(pixels, 1), new Float32Array(STEPS * STEPS)];
  const colour = mean.map((value) => Math.round(value));
  for (let first = 0; first < falls.length; first += BATCH) {
    const batch = new Uint8Array(BATCH * pixels.length);
    for (let i = 0; i < BATCH; i += 1) batch.set(covered(pixels, side, first + i, colour), i * pixels.length);
    (await answer(batch, BATCH)).forEach((each, i) => { falls[first + i] = whole[best] - each[best]; });
  }
  return falls;
}

function covered(pixels, side, part, colour) {
  const picture = pixels.slice();
  const edge = (step) => Math.round((step * side) / STEPS);
  const [row, column] = [Math.floor(part / STEPS), part % STEPS];
  for (let channel = 0; channel < 3; channel += 1) {
    for (let y = edge(row); y < edge(row + 1); y += 1) {
      picture.fill(colour[channel], (channel * side + y) * side + edge(column), (channel * side + y) * side + edge(column + 1));
    }
  }
  return picture;
}
