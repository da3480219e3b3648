// A picture file as shades of grey; transparency lies on white paper under dark ink, on black under bright.

const LARGEST = 2048; // longest side that is looked at

// A file -> {width, height, values: Float32Array, 0 to 255}, turned as its orientation tag says.
export async function greyOf(file) {
  const bitmap = await createImageBitmap(file);
  const factor = Math.min(1, LARGEST / Math.max(bitmap.width, bitmap.height));
  const [width, height] = [bitmap.width, bitmap.height].map((side) => Math.max(1, Math.round(side * factor)));
  const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
  context.imageSmoothingQuality = 'high';
  context.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  return { width, height, values: grey(context.getImageData(0, 0, width, height).data) };
}

// RGBA bytes -> luma as Pillow has it (ITU-R 601).
export function grey(data) {
  const values = new Float32Array(data.length / 4);
  let [clear, sum, weight] = [false, 0, 0];
  for (let i = 0; i < values.length; i += 1) {
    const [r, g, b, a] = data.subarray(4 * i, 4 * i + 4);
    values[i] = (r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16;
    clear ||= a < 255;
    sum += (values[i] * a) / 255;
    weight += a / 255;
  }
  if (!clear) return values;
  const ground = sum / Math.max(weight, 1e-6) < 128 ? 255 : 0;
  return values.map((value, i) => value * (data[4 * i + 3] / 255) + ground * (1 - data[4 * i + 3] / 255));
}
