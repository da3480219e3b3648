// onnxruntime in the browser: wasm, one thread. Files come from inside the page (gzip, base64) or from the server.

let api = null;

// A network of the page: its card, run(type, values, dims, names) -> {name: {data, dims}} where it has one graph, and
// its parts, files that are fetched or unpacked when they are asked for.
export async function openNetwork(data, number) {
  const part = (name) => bytesOf(data.files[`part/${number}/${name}`]);
  const graph = data.files[`graph/${number}`];
  const own = graph ? await openGraph(data.files, await bytesOf(graph)) : {};
  return { card: data.networks[number], part, open: async (name) => openGraph(data.files, await part(name)), ...own };
}

// An ONNX file -> {outputs, run, runAll}.
async function openGraph(files, graph) {
  api ??= openRuntime(files);
  const ort = await api;
  const session = await ort.InferenceSession.create(graph, { executionProviders: ['wasm'] });
  const [input] = session.inputNames;
  let last = Promise.resolve();

  // One run at a time, in the order of the calls: the runtime refuses a second one while the first lasts.
  function queued(feeds, names) {
    const next = last.then(() => session.run(feeds, names));
    last = next.catch(() => {});
    return next;
  }
  return {
    outputs: session.outputNames,
    run: (type, values, dims, names) => queued({ [input]: new ort.Tensor(type, values, dims) }, names),
    // inputs: {name: [values, dims]}, floats.
    runAll: (inputs, names) => queued(Object.fromEntries(Object.entries(inputs).map(([name, [values, dims]]) => [name, new ort.Tensor('float32', values, dims)])), names),
  };
}

async function openRuntime(files) {
  const [source, glue, wasm] = await Promise.all(['api', 'glue', 'wasm'].map((name) => bytesOf(files[name])));
  const ort = await import(moduleUrl(source));
  ort.env.wasm.numThreads = 1;
  ort.env.logLevel = 'error';
  // By its own address the glue would be looked for beside the script, which is a Blob.
  ort.env.wasm.wasmPaths = { mjs: moduleUrl(glue) };
  ort.env.wasm.wasmBinary = wasm.buffer;
  return ort;
}

function moduleUrl(bytes) {
  return URL.createObjectURL(new Blob([bytes], { type: 'text/javascript' }));
}

export async function bytesOf(file) {
  if (file.url) {
    const answer = await fetch(file.url);
    if (!answer.ok) throw new Error(`${file.url}: ${answer.status}`);
    return new Uint8Array(await answer.arrayBuffer());
  }
  const unpacked = new Blob([decoded(file.gzip)]).stream().pipeThrough(new DecompressionStream('gzip'));
  return new Uint8Array(await new Response(unpacked).arrayBuffer());
}

function decoded(base64) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i += 1) bytes[i] = text.charCodeAt(i);
  return bytes;
}

const TYPES = { uint8: Uint8Array, int8: Int8Array, int16: Int16Array, int32: Int32Array, float32: Float32Array };

// {type, shape, data} of a card -> {shape, values}.
export function unpacked({ type, shape, data }) {
  return { shape, values: new TYPES[type](decoded(data).buffer) };
}

// A share as a percentage; nothing is ever wholly certain.
export function percent(share) {
  return share > 0.9995 ? '> 99.9' : (100 * share).toFixed(1);
}

// Logits, which the graph gives at the network's temperature -> probabilities.
export function probabilities(logits) {
  const top = Math.max(...logits);
  const powers = Array.from(logits, (value) => Math.exp(value - top));
  const sum = powers.reduce((total, value) => total + value, 0);
  return powers.map((value) => value / sum);
}
