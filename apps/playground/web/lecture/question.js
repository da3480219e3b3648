// A question that a teacher asks, and an answer that is folded away.
import { element } from '../dom.js';
import { say } from '../words.js';

export function question(ask, tell) {
  return element('details', { class: 'question' }, element('summary', {}, element('span', { class: 'soft' }, `${say('classAsks')}: `), say(ask)), element('p', {}, say(tell)));
}
