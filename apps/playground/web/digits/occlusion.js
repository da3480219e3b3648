// Which parts of a digit speak for the answer: each covered in turn, all in one batch (Zeiler & Fergus 2014).
import { SIZE } from './frame.js';

const PATCH = 4;
const STEPS = SIZE / PATCH;

// How much the probability of class `best` falls when each part is covered: Float32Array of STEPS x STEPS.
export async function occlusion(pixels, best, answer) {
  const batch = new Uint8Array(STEPS * STEPS * SIZE * SIZE);
  for (let part = 0; part < STEPS * STEPS; part += 1) {
    batch.set(pixels, part * SIZE * SIZE);
    const [top, left] = [Math.floor(part / STEPS) * PATCH, (part % STEPS) * PATCH];
    for (let y = top; y < top + PATCH; y += 1) batch.fill(0, part * SIZE * SIZE + y * SIZE + left, part * SIZE * SIZE + y * SIZE + left + PATCH);
  }
  const [whole] = await answer(pixels, 1);
  const covered = await answer(batch, STEPS * STEPS);
  return { side: STEPS, falls: Float32Array.from(covered, (each) => whole[best] - each[best]) };
}
