// Imports the page's modules from Blobs: a page opened from a disk may not import files that lie beside it.
// data.modules holds {path: source}, each after those that it imports.
'use strict';
(() => {
  const data = JSON.parse(document.getElementById('data').textContent);
  const urls = {};
  const resolve = (from, to) => new URL(to, `http://page/${from}`).pathname.slice(1);
  for (const [path, source] of Object.entries(data.modules)) {
    const linked = source.replace(/^((?:import|export)\s[^'"]*?from\s+|import\s+)['"](\.[^'"]+)['"]/gm,
      (_, head, other) => `${head}'${urls[resolve(path, other)]}'`);
    urls[path] = URL.createObjectURL(new Blob([linked], { type: 'text/javascript' }));
  }
  import(urls[data.entry]).then((main) => main.start(data)).catch((error) => {
    const line = document.createElement('p');
    line.className = 'failure';
    line.textContent = `This browser cannot show the page: ${error.message ?? error}`;
    document.getElementById('page').replaceChildren(line);
  });
})();
