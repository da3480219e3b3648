// The page: choose a network and a language, and hand the rest to the network's domain.
import { mount as digits } from './digits/page.js';
import { element, button } from './dom.js';
import { mount as go } from './go/page.js';
import { mount as lecture } from './lecture/page.js';
import { mount as photos } from './photos/page.js';
import { bytesOf, openNetwork } from './runtime.js';
import { mount as speech } from './speech/page.js';
import { mount as text } from './text/page.js';
import { language, say, sayOf, setLanguage, LANGUAGES } from './words.js';

const DOMAINS = { digits, text, go, speech, photos, lecture };

export async function start(data) {
  const root = document.getElementById('page');
  setLanguage(localStorageValue('language') ?? navigator.language);
  let chosen = 0;
  let leave = null; // what a domain wants done before its page goes: speech stops the microphone

  async function show() {
    leave?.();
    leave = null;
    document.documentElement.lang = language();
    document.title = say('title');
    const body = element('div', { class: 'network' });
    root.replaceChildren(header(), body, footer(data, chosen));
    const card = data.networks[chosen];
    const status = element('p', { class: 'status', role: 'status' }, say('loading'));
    body.replaceChildren(status);
    try {
      const network = await openNetwork(data, chosen);
      body.replaceChildren();
      leave = (await DOMAINS[card.app](body, network)) ?? null;
      document.body.dataset.ready = card.name; // for whoever drives the page
    } catch (error) {
      status.className = 'failure';
      status.textContent = say('failed', { reason: error.message ?? String(error) });
    }
  }

  function header() {
    const networks = element('select', { 'aria-label': say('network') },
      ...data.networks.map((card, i) => element('option', { value: i, selected: i === chosen }, named(card))));
    networks.addEventListener('change', () => { chosen = Number(networks.value); show(); });
    const languages = element('div', { class: 'languages', role: 'group', 'aria-label': say('language') },
      ...Object.entries(LANGUAGES).map(([code, name]) => button(name, () => {
        setLanguage(code);
        storeLocal('language', code);
        show();
      }, { 'aria-pressed': String(code === language()), lang: code })));
    return element('header', {}, element('h1', {}, say('title')), data.networks.length > 1 ? networks : '', languages);
  }

  await show();
}

function named({ app, name }) {
  const domain = say(`domain-${app}`);
  return name === app ? domain : `${domain} · ${name}`;
}

function footer(data, chosen) {
  const card = data.networks[chosen];
  const percent = (share) => (100 * share).toFixed(2);
  const { error, low, high, count } = card.test;
  const shares = { error: percent(error), low: percent(low), high: percent(high), five: percent(card.top_five ?? 0) };
  const lines = [sayOf(card, 'errorRate', { ...shares, count: count.toLocaleString('en'), data: card.data })];
  lines.push(sayOf(card, card.calibrated ? 'calibrated' : 'uncalibrated'));
  lines.push(sayOf(card, 'notFor'), say('holds', { what: say({ nothing: 'holdsNothing', 'its words': 'holdsWords' }[card.holds] ?? 'holdsPatches') }));
  return element('footer', {},
    ...lines.map((line) => element('p', {}, line)),
    licences(data.files.notices));
}

function licences(file) {
  const text = element('pre', {}, '');
  const panel = element('details', {}, element('summary', {}, say('licences')), text);
  panel.addEventListener('toggle', async () => { text.textContent ||= new TextDecoder().decode(await bytesOf(file)); });
  return panel;
}

function localStorageValue(key) {
  try { return localStorage.getItem(key); } catch { return null; } // refused where the page is a file
}

function storeLocal(key, value) {
  try { localStorage.setItem(key, value); } catch { /* the choice then holds until the page is closed */ }
}
