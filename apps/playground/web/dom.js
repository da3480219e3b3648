// Elements in one call. Text is always text: nothing here takes HTML.

export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === false || value === undefined || value === null) continue;
    made.setAttribute(key, value === true ? '' : value);
  }
  made.append(...children);
  return made;
}

export function button(label, action, attributes = {}) {
  const made = element('button', { type: 'button', ...attributes }, label);
  made.addEventListener('click', action);
  return made;
}

// A canvas of width x height values; CSS decides how large it is shown.
export function canvas(width, height, attributes = {}) {
  return element('canvas', { width, height, ...attributes });
}
