// The summary: tiles over everything, and a line for each platform.

import { make, put, mark, number, absolute, span, until, root } from './text.js';

const sum = (list, field) => list.reduce((n, p) => n + p[field], 0);

// margin is the smallest of those platforms that have sessions; null: none has.
function margin(list) {
  const withSessions = list.filter((p) => p.sessions > 0);
  return withSessions.length ? Math.min(...withSessions.map((p) => p.margin)) : null;
}

// working counts the agents that are online of which it is known, or wished, whether
// calls come to them.
const working = (list) => sum(list, 'able') + sum(list, 'not_ready');

// able is how many of those get calls; null: of nobody it is known.
const able = (list) => (working(list) ? sum(list, 'able') : null);

const heldBack = (list) => (sum(list, 'held_back') ? `, ${number(sum(list, 'held_back'))} held back` : '');

const grade = (percent) => (percent === null ? 'none' : percent < 25 ? 'bad' : percent < 40 ? 'fair' : 'good');

const tiles = [
  { name: 'online', state: 'online', label: 'online', value: (l) => sum(l, 'online'), note: (l) => `of ${number(sum(l, 'wished_online'))} wished` },
  { name: 'able', state: 'not_ready', label: 'able to work', value: able, note: (l) => `of ${number(working(l))}${heldBack(l)}` },
  { name: 'waiting', state: 'waiting', label: 'waiting', value: (l) => sum(l, 'waiting'), note: (l) => `${number(sum(l, 'sign_in_queue'))} in a queue` },
  { name: 'parked', state: 'parked', label: 'parked', value: (l) => sum(l, 'parked'), note: () => 'need a person' },
  { name: 'moving', state: 'signing_in', label: 'signing in', value: (l) => sum(l, 'signing_in'), note: (l) => `${number(sum(l, 'signing_out'))} signing out` },
  { name: 'offline', state: 'offline', label: 'offline', value: (l) => sum(l, 'offline'), note: (l) => `${number(sum(l, 'agents') - sum(l, 'wished_online'))} wished so` },
  { name: 'margin', state: 'late', label: 'contact margin', value: margin, percent: true, note: (l) => `${number(sum(l, 'late'))} late` },
];

// Summary shows platforms in the document; choose(query) is called when a tile
// or a platform is chosen.
export class Summary {
  constructor(choose) {
    this.list = [];
    this.lines = new Map();
    this.body = document.getElementById('platforms');
    this.tiles = new Map();
    const nav = document.getElementById('tiles');
    for (const t of tiles) {
      const value = make('strong');
      const note = make('small');
      const link = make('a', { href: `${root}?state=${t.state}`, className: `tile ${t.name}` }, make('span', {}, t.label), value, note);
      link.addEventListener('click', (event) => choose(event, { state: t.state, platform: '', group: '', q: '' }));
      nav.append(link);
      this.tiles.set(t.name, { link, value, note });
    }
    this.choose = choose;
  }

  show(list) {
    this.list = list;
    const names = new Set(list.map((p) => p.name));
    for (const [name, line] of this.lines) {
      if (names.has(name)) continue;
      line.row.remove();
      this.lines.delete(name);
    }
    list.forEach((p, i) => {
      const line = this.lines.get(p.name) || this.line(p.name);
      if (this.body.children[i] !== line.row) this.body.insertBefore(line.row, this.body.children[i] || null);
    });
    this.tick();
  }

  // tick renews what depends on the time.
  tick() {
    for (const t of tiles) {
      const { link, value, note } = this.tiles.get(t.name);
      const n = t.value(this.list);
      put(value, n === null ? '–' : t.percent ? `${n} %` : number(n));
      put(note, t.note(this.list));
      mark(link, 'data-zero', n ? null : '');
      if (t.percent) mark(link, 'data-grade', grade(n));
    }
    mark(this.tiles.get('online').link, 'data-short', sum(this.list, 'online') < sum(this.list, 'wished_online') ? '' : null);
    mark(this.tiles.get('able').link, 'data-short', sum(this.list, 'not_ready') ? '' : null);
    for (const p of this.list) this.fill(this.lines.get(p.name), p);
  }

  line(name) {
    const cell = (label, className = '') => make('td', { role: 'cell', className, 'data-label': label });
    const link = make('a', { href: `${root}?platform=${encodeURIComponent(name)}` }, name);
    link.addEventListener('click', (event) => this.choose(event, { platform: name, state: '', group: '', q: '' }));
    const l = {
      vendor: make('small', { className: 'muted' }),
      share: make('span', { className: 'figure' }),
      bar: make('i'),
      waiting: cell('Waiting', 'num'),
      parked: cell('Parked', 'num'),
      inFlight: cell('In flight', 'num'),
      queue: cell('Queue', 'num'),
      margin: make('span', { className: 'figure' }),
      gauge: make('i'),
      refusals: cell('Refusals left', 'num'),
      condition: cell('Condition', 'condition'),
      word: make('span', { className: 'word' }),
      note: make('small', { className: 'note' }),
    };
    l.condition.append(l.word, l.note);
    const head = make('th', { role: 'rowheader', scope: 'row' }, link, ' ', l.vendor);
    const share = cell('Online of wished', 'meter wished');
    share.append(make('span', { className: 'bar', 'aria-hidden': 'true' }, l.bar), l.share);
    const gauge = cell('Contact margin', 'meter');
    gauge.append(make('span', { className: 'bar', 'aria-hidden': 'true' }, l.gauge), l.margin);
    l.marginCell = gauge;
    l.row = make('tr', { role: 'row' }, head, share, l.waiting, l.parked, l.inFlight, l.queue, gauge, l.refusals, l.condition);
    this.lines.set(name, l);
    return l;
  }

  fill(l, p) {
    put(l.vendor, p.vendor);
    put(l.share, `${number(p.online)} / ${number(p.wished_online)}`);
    const share = p.wished_online ? Math.min(1, p.online / p.wished_online) : 1;
    l.bar.style.width = `${share * 100}%`;
    mark(l.row, 'data-short', p.online < p.wished_online ? '' : null);
    for (const [cell, n] of [[l.waiting, p.waiting], [l.parked, p.parked], [l.inFlight, p.operations_in_flight], [l.queue, p.sign_in_queue]]) {
      put(cell, number(n));
      mark(cell, 'data-zero', n ? null : '');
    }
    mark(l.parked, 'data-bad', p.parked ? '' : null);
    const m = p.sessions ? p.margin : null;
    put(l.margin, m === null ? '–' : `${m} %`);
    l.gauge.style.width = `${m ?? 0}%`;
    mark(l.marginCell, 'data-grade', grade(m));
    mark(l.marginCell, 'title', m === null ? 'no session' : `${span((m / 100) * p.window * 1000)} of ${span(p.window * 1000)} left at least`);
    put(l.refusals, number(p.refusals_left));
    mark(l.refusals, 'data-bad', p.refusals_left === 0 ? '' : null);
    const [grade_, text, note] = condition(p);
    put(l.word, text);
    put(l.note, note || '');
    l.note.hidden = !note;
    mark(l.condition, 'data-condition', grade_);
  }
}

// ending says until when a platform takes no log-ins.
export const ending = (p) => (p.quarantined_until ? ` until ${absolute(Date.parse(p.quarantined_until))}, ${until(Date.parse(p.quarantined_until))}` : '');

// reason says why a platform takes no log-ins, and with which others that is shared.
export const reason = (p) => p.quarantine_reason || p.held || '';

// condition says in words how a platform is, and why.
export function condition(p) {
  const next = p.next_try ? `; next try ${until(Date.parse(p.next_try))}` : '';
  if (p.quarantined) return ['bad', `quarantine${ending(p)}`, reason(p)];
  if (p.out) return ['bad', `out since ${absolute(Date.parse(p.out_since))}${next}`, p.held];
  if (p.held) return ['fair', p.held, ''];
  if (p.online < p.wished_online) return ['fair', `${number(p.wished_online - p.online)} to bring back`, ''];
  if (p.held_back || p.not_ready > 0.05 * (p.able + p.not_ready)) return ['fair', `${number(p.not_ready)} online, not ready`, heldBack([p]).slice(2)];
  return ['good', 'well', p.not_ready ? `${number(p.not_ready)} online, not ready` : ''];
}
