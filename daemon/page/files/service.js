// What is wrong with the service itself: its store, its configuration, its webhooks.

import { make } from './text.js';

const every = 10e3;

// watchService shows the problems above everything else, for as long as there are any.
export function watchService() {
  const list = document.getElementById('problems');
  let shown = '';

  async function look() {
    if (document.hidden) return;
    try {
      const answer = await fetch('/api/v1/service');
      if (!answer.ok) return;
      show((await answer.json()).problems);
    } catch { /* the link says that the service is away */ }
  }

  function show(problems) {
    const text = JSON.stringify(problems);
    if (text === shown) return;
    shown = text;
    list.hidden = !problems.length;
    list.replaceChildren(...problems.map((p) => make('li', { className: p.severity }, make('strong', {}, p.text), ` ${p.action}`)));
  }

  look();
  setInterval(look, every);
  document.addEventListener('visibilitychange', look);
}
