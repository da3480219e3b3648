// Speech: speak, or open a recording, and see the spectrogram, the answer, the words as they are told, every layer.
import { button, element } from '../dom.js';
import { percent, probabilities } from '../runtime.js';
import { bars } from '../views/bars.js';
import { channels, channelsTitle } from '../views/channels.js';
import { mapGrid, upright } from '../views/maps.js';
import { say } from '../words.js';
import { fitClip, LENGTH, loudness, toInt16 } from './clip.js';
import { Teller } from './detector.js';
import { openMicrophone } from './microphone.js';
import { wordOptima } from './optima.js';
import { BadRecording, readRecording } from './recording.js';
import { RATE, Resampler } from './resample.js';
import { strip } from './strip.js';

const QUIET = -50; // dB of full scale, of the loudest 100 ms
const STRIDE = 0.03; // seconds from one window to the next in a recording
const LIVE = 0.05; // from the microphone
const BATCH = 16; // windows at a time
const BACKLOG = 1; // seconds that the network may lag behind the microphone

// Gives what stops the microphone.
export function mount(root, network) {
  const { card } = network;
  const unlike = card.unlike === null ? [] : ['unlikeness'];
  const shown = bars(card.labels);
  const rolling = strip();
  const answer = element('p', { class: 'answer', 'aria-live': 'polite' }, say('speakFirst'));
  const status = element('p', { class: 'soft', role: 'status' });
  const told = element('ol', { class: 'told', 'aria-live': 'polite' });
  const sees = channels(say('sees'), card.bands, card.frames);
  const layers = element('div', { class: 'sheets' });
  const grids = new Map();
  const listen = button(say('listen'), () => (microphone ? stop() : start()), { 'aria-pressed': 'false' });
  const file = element('input', { type: 'file', accept: 'audio/*', 'aria-label': say('openSound'), hidden: true });
  file.addEventListener('change', () => { open(file.files[0]); file.value = ''; });
  let [microphone, newest] = [null, 0];
  const dreamt = wordOptima(network, async (clip) => {
    await stop();
    begin();
    rolling.clear(rolling.columnsOf(clip));
    rolling.add(clip);
    answer.setAttribute('aria-live', 'polite');
    await show(clip);
  });

  root.append(
    element('div', { class: 'two' },
      element('section', {}, element('h2', {}, say('speak')), element('p', {}, say('itsWords', { words: card.labels.join(', ') })),
        element('div', { class: 'row' }, listen, button(say('openSound'), () => file.click()), file),
        element('p', { class: 'soft' }, say('soundHint')), rolling.root, status, element('h3', {}, say('told')), told),
      element('section', {}, element('h2', {}, say('answer')), answer, shown.root, sees.root)),
    dreamt.root,
    element('section', {}, element('h2', {}, say('layers')), layers),
  );
  root.addEventListener('dragover', (event) => event.preventDefault());
  root.addEventListener('drop', (event) => { event.preventDefault(); open(event.dataTransfer.files[0]); });

  // Answers to windows (count * LENGTH,) int16, in one batch.
  async function answers(windows, names = []) {
    const count = windows.length / LENGTH;
    const given = await network.run('int16', windows, [count, LENGTH], ['logits', ...names]);
    const classes = card.labels.length;
    return { given, chances: Array.from({ length: count }, (_, i) => probabilities(given.logits.data.subarray(i * classes, (i + 1) * classes))) };
  }

  // Show what the network makes of one clip; its probabilities.
  async function show(clip) {
    const start = performance.now();
    const { given, chances: [chances] } = await answers(clip, [...unlike, 'front', ...card.layers]);
    const none = card.unlike !== null && given.unlikeness.data[0] > card.unlike;
    const best = chances.indexOf(Math.max(...chances));
    shown.update(chances);
    answer.textContent = say(none ? (microphone ? 'noneLive' : 'saysNoneWord') : 'saysWord', { label: card.labels[best], percent: percent(chances[best]) });
    const least = Math.min(...given.front.data); // logarithms, lifted above zero
    sees.update(upright(given.front.data, given.front.dims).map((value) => value - least));
    for (const layer of card.layers) {
      const { dims, data } = given[layer];
      if (dims.length > 2) grid(layer, dims).update(dims.length === 3 ? data : upright(data, dims));
    }
    root.dataset.answer = none ? 'none of these' : card.labels[best];
    root.dataset.best = JSON.stringify(chances);
    root.dataset.milliseconds = (performance.now() - start).toFixed(2);
    return chances;
  }

  function tell({ word, start, probability }) {
    told.append(element('li', { 'data-word': word, 'data-start': start.toFixed(2) }, say('toldAt', { seconds: start.toFixed(1), label: word, percent: percent(probability) })));
  }

  function begin() {
    newest += 1;
    told.replaceChildren();
    status.textContent = '';
    for (const key of ['answer', 'heard']) delete root.dataset[key];
    return newest;
  }

  async function open(given) {
    if (!given) return;
    await stop();
    const mine = begin();
    try {
      const samples = toInt16(await readRecording(given));
      if (mine !== newest) return;
      rolling.clear(rolling.columnsOf(samples));
      rolling.add(samples);
      answer.setAttribute('aria-live', 'polite');
      await show(fitClip(samples));
      await hear(samples, mine);
      root.dataset.heard = 'all';
      if (samples.length > LENGTH && !told.childElementCount) status.textContent = say('nothingTold');
    } catch (error) {
      if (!(error instanceof BadRecording)) throw error;
      status.textContent = say(error.key, error.values);
    }
  }

  // The words of a recording: a window of a second slides over it.
  async function hear(samples, mine) {
    const teller = new Teller(card.labels, STRIDE);
    const step = STRIDE * RATE;
    for (let first = 0; first + LENGTH <= samples.length && mine === newest; first += BATCH * step) {
      await new Promise((done) => { setTimeout(done); }); // the page is drawn between two batches
      const windows = [];
      for (let start = first; windows.length < BATCH && start + LENGTH <= samples.length; start += step) windows.push(samples.subarray(start, start + LENGTH));
      const audible = windows.filter((window) => loudness(window) >= QUIET);
      const flat = new Int16Array(audible.length * LENGTH);
      audible.forEach((window, i) => flat.set(window, i * LENGTH));
      const { chances } = audible.length ? await answers(flat) : { chances: [] };
      for (const window of windows) {
        for (const word of teller.take(audible.includes(window) ? chances[audible.indexOf(window)] : null)) {
          if (mine === newest) tell(word);
        }
      }
    }
    if (mine === newest) teller.finish().forEach(tell);
  }

  async function start() {
    const mine = begin();
    rolling.clear();
    answer.setAttribute('aria-live', 'off'); // it changes too often to be read out; words as they are told are
    let teller = new Teller(card.labels, LIVE);
    const [step, window] = [LIVE * RATE, new Int16Array(LENGTH)];
    let [resampler, busy, waiting, passed] = [null, false, [], 0];

    async function work() {
      if (busy) return;
      busy = true;
      while (waiting.length && mine === newest) {
        if (waiting.length > BACKLOG / LIVE) { // the machine is slower than the sound: begin again with the newest
          passed += waiting.length - 1;
          waiting = waiting.slice(-1);
          passed += teller.windows;
          teller = new Teller(card.labels, LIVE);
        }
        const clip = waiting.shift();
        const loud = loudness(clip) >= QUIET;
        const chances = loud ? await show(clip) : quiet();
        if (mine !== newest) break;
        for (const word of teller.take(chances)) tell({ ...word, start: word.start + passed * LIVE });
      }
      busy = false;
    }

    let [fresh, received] = [new Int16Array(0), 0];
    function take(piece) {
      if (!resampler || mine !== newest) return;
      const samples = toInt16(resampler.push(piece));
      rolling.add(samples);
      const all = new Int16Array(fresh.length + samples.length);
      all.set(fresh);
      all.set(samples, fresh.length);
      let at = 0;
      for (; at + step <= all.length; at += step) {
        window.copyWithin(0, step);
        window.set(all.subarray(at, at + step), LENGTH - step);
        received += step;
        if (received >= LENGTH) waiting.push(window.slice());
      }
      fresh = all.slice(at);
      work();
    }

    try {
      const opened = await openMicrophone(take);
      if (mine !== newest) { opened.stop(); return; }
      microphone = opened;
      resampler = new Resampler(microphone.rate);
      listen.textContent = say('stop');
      listen.setAttribute('aria-pressed', 'true');
      status.textContent = say('listening');
    } catch (error) {
      status.textContent = error.name === 'NotSupportedError' ? say('micMissing') : say('micRefused', { reason: error.message || error.name });
    }
  }

  function quiet() {
    answer.textContent = say('quiet');
    shown.update(null);
    return null;
  }

  async function stop() {
    newest += 1;
    listen.textContent = say('listen');
    listen.setAttribute('aria-pressed', 'false');
    const last = microphone;
    microphone = null;
    if (!last) return;
    status.textContent = '';
    await last.stop();
  }

  function grid(layer, dims) {
    if (!grids.has(layer)) {
      const made = dims.length === 3 ? channels(channelsTitle(layer, dims[1], dims[2]), dims[1], dims[2]) : mapGrid(layer, dims.slice(1));
      if (dims.length > 3) made.root.style.gridColumn = '1 / -1';
      grids.set(layer, made);
      layers.append(made.root);
    }
    return grids.get(layer);
  }

  return () => { dreamt.stop(); return stop(); };
}
