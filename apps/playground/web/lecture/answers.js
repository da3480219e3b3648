// The networks' answers to one drawing, side by side: what each sees, how sure it is, and whether it holds when moved.
import { canvas, element } from '../dom.js';
import { SIZE } from '../digits/frame.js';
import { percent, probabilities } from '../runtime.js';
import { bright, grey, paint } from '../views/colours.js';
import { say } from '../words.js';
import { shifts } from './climb.js';

const MOST = 4; // pixels that the digit is moved by
const SIDE = 2 * MOST + 1;

export function answers(sisters, labels) {
  const cards = sisters.map(answerCard);
  let newest = 0;
  return {
    root: element('div', { class: 'sisters' }, ...cards.map(({ root }) => root)),
    // Show what each makes of `pixels` (SIZE * SIZE floats, 0 to 255), or nothing for null.
    async update(pixels) {
      newest += 1;
      const mine = newest;
      const given = pixels && await Promise.all(sisters.map(({ logits }) => logits(pixels)));
      if (mine !== newest) return null;
      cards.forEach((card, i) => card.update(pixels, given && probabilities(given[i])));
      return given && given.map((each) => labels[best(each)]);
    },
    // The same digit everywhere within reach: slower, so it is asked for when the pen rests.
    async move(pixels) {
      const mine = newest;
      const moved = shifts(pixels, SIZE, MOST);
      for (const [i, sister] of sisters.entries()) {
        const logits = await sister.logits(moved);
        if (mine !== newest) return;
        const shares = Array.from({ length: SIDE ** 2 }, (_, place) => probabilities(logits.subarray(place * labels.length, (place + 1) * labels.length)));
        cards[i].moved(shares);
      }
    },
  };

  function answerCard({ card, order }) {
    const sees = canvas(SIZE, SIZE, { role: 'img', 'aria-label': say('itSees') });
    const map = canvas(SIDE, SIDE, { role: 'img', 'aria-label': say('movedMap', { most: MOST }) });
    const answer = element('p', { class: 'answer' }, '–');
    const stays = element('figcaption', {}, say('movedMap', { most: MOST }));
    const share = (value) => (100 * value).toFixed(2);
    const rate = { error: share(1 - card.accuracy), low: share(1 - card.high), high: share(1 - card.low), count: card.count.toLocaleString('en') };
    return {
      root: element('article', { class: 'sister', 'data-sister': card.name },
        element('h3', {}, say(`sister-${card.name}`)), element('p', { class: 'soft' }, say(`about-${card.name}`)),
        element('p', { class: 'soft' }, say('wrong', rate)), answer,
        element('div', { class: 'row' }, element('figure', {}, sees, element('figcaption', {}, say('itSees'))), element('figure', {}, map, stays))),
      update(pixels, chances) {
        map.getContext('2d').clearRect(0, 0, SIDE, SIDE);
        stays.textContent = say('movedMap', { most: MOST });
        if (!pixels) { answer.textContent = '–'; sees.getContext('2d').clearRect(0, 0, SIZE, SIZE); return; }
        paint(sees.getContext('2d'), order ? Float32Array.from(order, (place) => pixels[place]) : pixels, 0, SIZE, SIZE, { scale: 255, colour: grey });
        answer.textContent = say('answers', { label: labels[best(chances)], percent: percent(chances[best(chances)]) });
      },
      moved(shares) {
        const home = best(shares[(SIDE ** 2 - 1) / 2]);
        paint(map.getContext('2d'), Float32Array.from(shares, (each) => each[home]), 0, SIDE, SIDE, { scale: 1, colour: bright });
        const count = shares.filter((each) => best(each) === home).length;
        stays.textContent = say('movedStays', { most: MOST, label: labels[home], stays: count, count: SIDE ** 2 });
        stays.dataset.stays = count;
        map.setAttribute('aria-label', stays.textContent);
      },
    };
  }
}

export function best(values) {
  return values.indexOf(Math.max(...values));
}
