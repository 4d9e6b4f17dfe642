// The last hour, by the minute: sign-ins and adoptions upwards, losses down.

import { make, put, plural, absolute, number, root } from './text.js';

const ns = 'http://www.w3.org/2000/svg';
const width = 600;
const up = 56;
const down = 34;

function shape(tag, attributes) {
  const node = document.createElementNS(ns, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

export class Strip {
  constructor() {
    this.figure = document.getElementById('strip');
    this.platform = '';
    this.lastEvent = null;
    this.due = 0;
    this.drawn = '';
    this.svg = shape('svg', { viewBox: `0 0 ${width} ${up + down + 2}`, role: 'img', preserveAspectRatio: 'none' });
    this.from = make('span');
    this.caption = make('figcaption', {});
    this.parts = {};
    for (const [name, label] of [['signed_in', 'signed in'], ['adopted', 'adopted'], ['lost', 'lost']]) {
      const n = make('strong', {}, '0');
      this.parts[name] = n;
      this.caption.append(make('span', { className: `key ${name}` }, make('i', { 'aria-hidden': 'true' }), n, ` ${label}`));
    }
    this.caption.append(make('span', { className: 'muted axis' }, this.from));
    this.figure.append(make('div', { className: 'plot' }, this.svg), this.caption);
  }

  // look asks the service; if it was asked a moment ago, in a moment.
  async look(force = false) {
    const now = Date.now();
    if (!force && now < this.due) {
      this.timer ??= setTimeout(() => this.look(true), this.due - now);
      return;
    }
    clearTimeout(this.timer);
    this.timer = null;
    this.due = now + 2000;
    try {
      const query = this.platform ? `?platform=${encodeURIComponent(this.platform)}` : '';
      const answer = await fetch(`${root}api/v1/activity${query}`);
      if (!answer.ok) return;
      const hour = await answer.json();
      this.lastEvent = hour.last_event;
      this.draw(hour);
    } catch { /* the link says that the service is away */ }
  }

  choose(platform) {
    if (platform === this.platform) return;
    this.platform = platform;
    this.look(true);
  }

  draw(hour) {
    const text = JSON.stringify(hour.minutes) + hour.since;
    if (text === this.drawn) return;
    this.drawn = text;
    const since = Date.parse(hour.since);
    const total = { signed_in: 0, adopted: 0, lost: 0 };
    let top = 1;
    for (const m of hour.minutes) {
      for (const name of Object.keys(total)) total[name] += m[name];
      top = Math.max(top, m.signed_in + m.adopted, m.lost);
    }
    const step = width / hour.minutes.length;
    const height = (n, room) => (n ? Math.max(2, Math.sqrt(n / top) * room) : 0);
    const nodes = [];
    hour.minutes.forEach((m, i) => {
      const at = Date.parse(m.at);
      const x = i * step;
      const column = shape('g', {});
      const title = shape('title', {});
      const known = at + 60e3 > since;
      title.textContent = `${absolute(at)}: ${known ? `${m.signed_in} signed in, ${m.adopted} adopted, ${m.lost} lost` : 'before the service started'}`;
      column.append(title, shape('rect', { x, y: 0, width: step, height: up + down + 2, class: known ? 'ground' : 'unknown' }));
      const a = height(m.signed_in, up);
      const b = height(m.signed_in + m.adopted, up) - a;
      if (a) column.append(shape('rect', { x: x + 1, y: up - a, width: step - 2, height: a, class: 'signed_in', rx: 1 }));
      if (m.adopted) column.append(shape('rect', { x: x + 1, y: up - a - b, width: step - 2, height: b, class: 'adopted', rx: 1 }));
      const c = height(m.lost, down);
      if (c) column.append(shape('rect', { x: x + 1, y: up + 2, width: step - 2, height: c, class: 'lost', rx: 1 }));
      nodes.push(column);
    });
    nodes.push(shape('line', { x1: 0, x2: width, y1: up + 1, y2: up + 1, class: 'base' }));
    this.svg.replaceChildren(...nodes);
    for (const [name, n] of Object.entries(total)) put(this.parts[name], number(n));
    const first = Date.parse(hour.minutes[0].at);
    const most = total.signed_in || total.adopted || total.lost ? `most in a minute ${number(top)}, ` : '';
    put(this.from, most + (since > first ? `since the start at ${absolute(since)}` : `since ${absolute(first)}`));
    const where = this.platform ? ` on ${this.platform}` : '';
    this.svg.setAttribute('aria-label', `Last hour${where}: ${plural(total.signed_in, 'sign-in', 'sign-ins')}, ${plural(total.adopted, 'adoption', 'adoptions')}, ${plural(total.lost, 'loss', 'losses')}`);
  }
}
