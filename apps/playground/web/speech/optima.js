// x* of each word: the sound that the network would be surest of, to be listened to.
import { button, element } from '../dom.js';
import { say } from '../words.js';
import { LENGTH } from './clip.js';
import { RATE } from './resample.js';

const SOFT = 0.3; // of full scale: optima are loud

// shown(clip) is called with the samples that are played. Gives {root, stop}.
export function wordOptima({ card, part }, shown) {
  let [sounds, context, source] = [null, null, null];

  async function play(place) {
    sounds ??= part('optima').then((bytes) => new Int16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 2));
    const clip = (await sounds).slice(place * LENGTH, (place + 1) * LENGTH);
    shown(clip);
    stop();
    context ??= new AudioContext();
    const buffer = context.createBuffer(1, LENGTH, RATE);
    const loudest = clip.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
    buffer.copyToChannel(Float32Array.from(clip, (value) => (SOFT * value) / loudest), 0);
    source = context.createBufferSource();
    source.buffer = buffer;
    source.connect(context.destination);
    source.start();
  }
  function stop() {
    source?.stop();
    source = null;
  }
  return {
    stop,
    root: element('section', { hidden: !card.heard.length }, element('h2', {}, say('wordOptima')), element('p', { class: 'soft' }, say('wordOptimaHint')),
      element('div', { class: 'row words-heard' }, ...card.heard.map((label, place) => button(`▶ ${card.labels[label]}`, () => play(place), { 'aria-label': say('hearOptimum', { label: card.labels[label] }) })))),
  };
}
