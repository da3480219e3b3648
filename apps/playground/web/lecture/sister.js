// One of the networks beside each other: its graph, run with the weights of what it is asked for.
import { unpacked } from '../runtime.js';
import { SIZE } from '../digits/frame.js';

// `card` is that of the network; `classes` how many logits. Gives {name, card, order, logits, gradient}.
export async function openSister(network, card, classes) {
  const graph = await network.open(`${card.name}.onnx`);
  const blank = new Map(); // zeros by their number
  const zeros = (count) => { if (!blank.has(count)) blank.set(count, new Float32Array(count)); return blank.get(count); };
  const volume = card.maps.reduce((product, side) => product * side, 1);

  function ask(pixels, names, { want = null, dream = null } = {}) {
    const count = pixels.length / SIZE ** 2;
    return graph.runAll({
      pixels: [pixels, [count, 1, SIZE, SIZE]],
      want: [want ?? zeros(count * classes), [count, classes]],
      dream: [dream ?? zeros(count * volume), [count, ...card.maps]],
    }, names);
  }
  return {
    card,
    order: card.order ? unpacked(card.order).values : null,
    logits: async (pixels) => (await ask(pixels, ['logits'])).logits.data,
    // {logits, maps, gradient} of one picture; `want` and `dream` weigh logits and maps.
    climb: (pixels, weights) => ask(pixels, ['logits', 'maps', 'gradient'], weights),
  };
}
