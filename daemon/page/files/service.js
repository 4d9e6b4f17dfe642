// What is wrong with the service itself (its store, its configuration, its webhooks,
// who reads its events), which platforms take no log-ins, and who is traced.

import { make, absolute, root } from './text.js';
import { ending, reason } from './platforms.js';

const every = 10e3;

// Troubles shows them above everything else, for as long as there are any.
export class Troubles {
  constructor() {
    this.list = document.getElementById('problems');
    this.own = []; // the service's
    this.platforms = [];
    this.shown = '';
  }

  watch() {
    this.look();
    setInterval(() => this.look(), every);
    document.addEventListener('visibilitychange', () => this.look());
  }

  async look() {
    if (document.hidden) return;
    try {
      const answer = await fetch(`${root}api/v1/service`);
      if (!answer.ok) return;
      const { problems, traced } = await answer.json();
      this.own = problems.map((p) => [p.severity, p.text, p.action]);
      if (traced?.length) {
        const names = traced.map((t) => `${t.agent} until ${absolute(Date.parse(t.until))}`);
        this.own.push(['notice', `traced: ${names.join(', ')}`, 'What they and their platform say to each other is written into the log; `agentkeeper trace` lists them, and with --off ends it.']);
      }
      this.show();
    } catch { /* the link says that the service is away */ }
  }

  // take takes the platforms as the stream tells them.
  take(platforms) {
    this.platforms = platforms.filter((p) => p.quarantined);
    this.show();
  }

  show() {
    const quarantines = this.platforms.map((p) => ['critical', `${p.name} takes no log-ins${ending(p)}`, reason(p)]);
    const all = [...this.own.filter(([s]) => s === 'critical'), ...quarantines, ...this.own.filter(([s]) => s !== 'critical')];
    const text = JSON.stringify(all);
    if (text === this.shown) return;
    this.shown = text;
    this.list.hidden = !all.length;
    this.list.replaceChildren(...all.map(([severity, what, more]) => make('li', { className: severity }, make('strong', {}, what), make('span', { className: 'more' }, ` ${more}`))));
  }
}
