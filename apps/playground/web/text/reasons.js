// Why a text got its answer: each word left out in turn, and the n-grams that fired.

export const UNKNOWN = 1;

// How much the probability of class `best` falls when each word is unknown: (T,). All in one batch.
export async function occlusion(row, best, chances, answer) {
  const batch = row.map((_, i) => row.map((number, j) => (i === j ? UNKNOWN : number)));
  const covered = await answer(batch);
  return covered.map((each) => chances[best] - each[best]);
}

// The n-grams whose filters speak most for class `best`: [{text, score}], of all filters together, the strongest first.
// `maps` are [{kernel, dims: [1, F, T], data}] in the order in which the last layer takes their maxima.
export function ngrams(tokens, maps, weight, classes, best, count = 6) {
  const total = maps.reduce((sum, { dims }) => sum + dims[1], 0);
  const found = new Map();
  let feature = 0;
  for (const { kernel, dims: [, filters, places], data } of maps) {
    for (let filter = 0; filter < filters; filter += 1, feature += 1) {
      let at = 0;
      for (let t = 1; t < places; t += 1) if (data[filter * places + t] > data[filter * places + at]) at = t;
      const value = data[filter * places + at];
      if (value <= 0 || at >= tokens.length) continue;
      let others = 0;
      for (let c = 0; c < classes; c += 1) if (c !== best) others += weight[c * total + feature] / (classes - 1);
      const text = tokens.slice(at, at + kernel).join(' ');
      found.set(text, (found.get(text) ?? 0) + value * (weight[best * total + feature] - others));
    }
  }
  return [...found].map(([text, score]) => ({ text, score })).sort((a, b) => b.score - a.score).slice(0, count)
    .filter(({ score }) => score > 0);
}
