// What the page says, in each of its languages: one table of words, a file a language.
import { EN } from './words/en.js';
import { ZH } from './words/zh.js';

export const LANGUAGES = { en: 'English', zh: '中文' };

const WORDS = { en: EN, zh: ZH };

let code = 'en';

export function setLanguage(wanted) {
  code = String(wanted).toLowerCase().startsWith('zh') ? 'zh' : 'en';
}

export function language() {
  return code;
}

export function say(key, values = {}) {
  return WORDS[code][key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

// The same, in the words of the card's domain where it has its own: errorRateGo before errorRate.
export function sayOf({ app }, key, values = {}) {
  const own = `${key}${app[0].toUpperCase()}${app.slice(1)}`;
  return say(own in WORDS[code] ? own : key, values);
}

export const TABLE = WORDS; // for the test that every language has every word
