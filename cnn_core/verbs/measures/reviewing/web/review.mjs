// The page of a review: rows with what is shown, the label, what the network believes, and the decision.
// Text is always text: nothing here takes HTML.

const rows = document.getElementById('rows');
const state = document.getElementById('state');
let list;

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

const share = (text) => `${(100 * Number(text)).toFixed(2)} %`;

async function shown(place) {
  const answer = await fetch(`sample/${place}`);
  const kind = answer.headers.get('Content-Type') ?? '';
  if (kind.startsWith('text/plain')) return element('blockquote', {}, await answer.text());
  if (kind.startsWith('audio/')) return element('audio', { controls: '', preload: 'none', src: `sample/${place}` });
  return element('img', { src: `sample/${place}`, alt: `${list.what} ${list.rows[place].sample}` });
}

async function decide(place, decision, to = '') {
  state.className = '';
  try {
    const answer = await fetch('decision', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ row: place, decision, to }),
    });
    if (!answer.ok) throw new Error(await answer.text());
    list.rows[place] = await answer.json();
    mark(place);
    count();
    return true;
  } catch (error) {
    state.className = 'failed';
    state.textContent = `Not written: ${error.message}`;
    return false;
  }
}

function mark(place) {
  const article = rows.children[place];
  const row = list.rows[place];
  article.dataset.decision = row.decision;
  for (const button of article.querySelectorAll('button')) {
    button.setAttribute('aria-pressed', String(button.dataset.decision === row.decision));
  }
  article.querySelector('select').value = row.decision === 'change' ? row.to : row.believed;
}

function count() {
  const decided = list.rows.filter((row) => row.decision).length;
  state.textContent = `${decided} of ${list.rows.length} decided; each decision is written at once.`;
}

function move(place) {
  const next = rows.children[Math.min(Math.max(place, 0), list.rows.length - 1)];
  next.focus({ preventScroll: true });
  next.scrollIntoView({ block: 'nearest' });
}

function article(row, place) {
  const select = element('select', { 'aria-label': 'label to change to' });
  for (const label of list.labels) select.append(element('option', { value: label }, label));
  const act = async (decision) => {
    if (await decide(place, decision, decision === 'change' ? select.value : '')) move(place + 1);
  };
  const buttons = ['keep', 'change', 'drop'].map((decision) => {
    const button = element('button', { type: 'button', 'data-decision': decision }, decision);
    button.addEventListener('click', () => act(decision));
    return button;
  });
  const frame = element('div', { class: 'shown' });
  const made = element(
    'article', { tabindex: '0' }, frame,
    element('div', {},
      element('p', {}, `${list.what} ${row.sample}: label `, element('strong', {}, row.label), `, believed to ${share(row.own)}`),
      element('p', {}, 'rather ', element('strong', {}, row.believed), `, believed to ${share(row.probability)}`),
      element('div', { class: 'choices' }, buttons[0], buttons[1], select, buttons[2])),
  );
  made.addEventListener('keydown', (event) => {
    if (event.target !== made || event.ctrlKey || event.metaKey || event.altKey) return;
    const keys = {
      k: () => act('keep'), c: () => act('change'), d: () => act('drop'), u: () => decide(place, ''),
      ArrowDown: () => move(place + 1), ArrowUp: () => move(place - 1),
    };
    const action = keys[event.key] ?? keys[event.key.toLowerCase()];
    if (action) {
      event.preventDefault();
      action();
    }
  });
  return made;
}

const seen = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (!entry.isIntersecting) continue;
    seen.unobserve(entry.target);
    const place = [...rows.children].indexOf(entry.target);
    shown(place).then((what) => entry.target.querySelector('.shown').append(what));
  }
}, { rootMargin: '600px' });

list = await (await fetch('list')).json();
document.getElementById('about').textContent =
  `${list.data}: ${list.rows.length} training samples, the one whose label is believed least first.`;
list.rows.forEach((row, place) => {
  rows.append(article(row, place));
  mark(place);
  seen.observe(rows.children[place]);
});
count();
if (list.rows.length) move(0);
document.body.dataset.ready = '';
