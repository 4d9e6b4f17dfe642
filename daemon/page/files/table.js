// The table of agents. Only the rows in sight exist, whatever the fleet's size;
// they are filled anew as it scrolls, and one listener serves them all.

import { make, put, mark, number, absolute, exact, until, span, serviceNow, state, reasons, doing, setBy, holds, pathOf } from './text.js';

const spare = 12; // rows above and below what is in sight
const columns = 8;

export class Table {
  // open(id) opens an agent's page.
  constructor(fleet, open) {
    this.fleet = fleet;
    this.open = open;
    this.table = document.getElementById('list');
    this.body = document.getElementById('rows');
    this.before = this.space();
    this.after = this.space();
    this.body.append(this.before, this.after);
    this.lines = []; // in order, between the spaces
    this.first = 0;
    this.active = null; // the agent that the keyboard is at
    this.narrow = matchMedia('(max-width: 760px)');
    this.narrow.addEventListener('change', () => this.render());
    this.tools = document.querySelector('.tools');
    this.head = this.table.tHead;

    let asked = false;
    const later = () => {
      if (asked) return;
      asked = true;
      requestAnimationFrame(() => { asked = false; this.render(); });
    };
    addEventListener('scroll', later, { passive: true });
    addEventListener('resize', later);
    this.body.addEventListener('click', (event) => this.click(event));
    this.body.addEventListener('keydown', (event) => this.key(event));
    this.body.addEventListener('focusin', (event) => this.focused(event));
  }

  space() {
    return make('tr', { className: 'space', 'aria-hidden': 'true' }, make('td', { colspan: columns }));
  }

  get height() { return this.narrow.matches ? 62 : 38; }

  // sight returns which rows can be seen.
  sight() {
    const n = this.fleet.shown.length;
    const top = this.body.getBoundingClientRect().top;
    const first = Math.floor(-top / this.height);
    const last = Math.ceil((innerHeight - top) / this.height);
    return [Math.max(0, Math.min(first, n)), Math.max(0, Math.min(last, n))];
  }

  render() {
    if (!this.body.offsetParent) return; // another view is open
    const { shown } = this.fleet;
    const [top, bottom] = this.sight();
    const first = Math.max(0, top - spare);
    const last = Math.min(shown.length, bottom + spare);
    const inside = this.body.contains(document.activeElement);
    this.turn(first, last - first);
    for (let i = first; i < last; i++) this.fill(this.lines[i - first], shown[i], i);
    this.before.firstChild.style.height = `${first * this.height}px`;
    this.after.firstChild.style.height = `${(shown.length - last) * this.height}px`;
    this.before.hidden = first === 0;
    this.after.hidden = last === shown.length;
    mark(this.table, 'aria-rowcount', shown.length + 1);
    this.keepFocus(inside);
  }

  // turn reuses the lines: those that stay in sight keep their agent's place.
  turn(first, n) {
    const moved = first - this.first;
    if (moved > 0 && moved < this.lines.length) {
      const gone = this.lines.splice(0, moved);
      this.lines.push(...gone);
      for (const l of gone) this.body.insertBefore(l.row, this.after);
    } else if (moved < 0 && -moved < this.lines.length) {
      const gone = this.lines.splice(this.lines.length + moved);
      const anchor = this.lines[0]?.row || this.after;
      for (const l of gone) this.body.insertBefore(l.row, anchor);
      this.lines.unshift(...gone);
    }
    while (this.lines.length < n) {
      const l = this.line();
      this.lines.push(l);
      this.body.insertBefore(l.row, this.after);
    }
    while (this.lines.length > n) this.lines.pop().row.remove();
    this.first = first;
  }

  line() {
    const cell = (className) => make('td', { role: 'cell', className });
    const l = {
      link: make('a', { tabIndex: -1 }),
      label: make('span', { className: 'label', hidden: true }),
      badge: make('span', { className: 'badge', hidden: true }),
      state: make('span', { className: 'state' }),
      work: make('span', { className: 'work', hidden: true }),
      since: make('time'),
      clock: make('span', { className: 'muted clock' }),
      next: make('time'),
      group: cell('c-group'),
      wish: cell('c-wish'),
      why: make('span', { className: 'lines' }),
      ins: cell('c-ins num'),
    };
    const id = cell('c-id');
    id.append(l.link, l.label, l.badge);
    const state = cell('c-state');
    state.append(l.state, l.work);
    const since = cell('c-since');
    since.append(l.since, ' ', l.clock);
    const next = cell('c-next');
    next.append(l.next);
    const why = cell('c-why');
    why.append(l.why);
    l.row = make('tr', { role: 'row' }, id, l.group, l.wish, state, since, next, why, l.ins);
    return l;
  }

  fill(l, a, i) {
    l.row.agent = a.id;
    mark(l.row, 'aria-rowindex', i + 2);
    mark(l.row, 'data-state', a.state);
    mark(l.row, 'data-unmet', (a.wish === 'online') !== (a.state === 'online') ? '' : null);
    put(l.link, a.id);
    mark(l.link, 'href', pathOf(a.id));
    mark(l.link, 'title', a.label ? `${a.id}: ${a.label}` : a.id);
    put(l.label, a.label || '');
    l.label.hidden = !a.label;
    const flags = [a.override, a.warnings ? 'warning' : '', a.late ? 'late' : ''].filter(Boolean).join(', ');
    put(l.badge, flags);
    l.badge.hidden = !flags;
    put(l.group, a.group);
    mark(l.group, 'title', a.group || null);
    put(l.wish, a.wish);
    put(l.state, state(a.state) + (a.reason ? `: ${a.reason}` : ''));
    mark(l.state, 'title', reasons[a.reason] || null);
    put(l.work, doing(a.work));
    mark(l.work, 'data-short', a.not_ready ? '' : null);
    mark(l.work, 'title', a.work_since ? `since ${exact(a.work_since)}` : null);
    l.work.hidden = !a.work;
    const [why, title] = this.why(a);
    put(l.why, why);
    mark(l.why, 'title', title || null);
    put(l.ins, number(a.sign_ins));
    this.time(l, a);
  }

  // place is the agent's platform, which knows what holds its whole queue.
  place(a) { return this.fleet.platforms?.find((p) => p.name === a.platform); }

  why(a) {
    if (a.queued) {
      const held = this.place(a)?.held;
      return [held || 'in the queue', held];
    }
    const session = [a.code, a.detail || reasons[a.reason]];
    const work = a.not_ready ? [setBy(a.work_by), a.work_why, a.work_held && `held back: ${holds[a.work_held] || a.work_held}`] : [];
    const text = [...session, ...work].filter(Boolean).join(' · ');
    return [text, text];
  }

  // time renews what changes by itself.
  time(l, a) {
    put(l.since, span(serviceNow() - a.since));
    put(l.clock, absolute(a.since));
    if (l.at !== a.since) {
      l.at = a.since;
      l.since.dateTime = new Date(a.since).toISOString();
      l.since.title = `since ${exact(a.since)}`;
    }
    const next = a.queued ? Date.parse(this.place(a)?.next_try) || 0 : a.next || a.work_next;
    put(l.next, next ? until(next) : '');
    if (l.due !== next) {
      l.due = next;
      mark(l.next, 'datetime', next ? new Date(next).toISOString() : null);
      mark(l.next, 'title', next ? exact(next) : null);
    }
  }

  tick() {
    if (!this.body.offsetParent) return;
    this.lines.forEach((l, i) => {
      const a = this.fleet.shown[this.first + i];
      if (a) this.time(l, a);
    });
  }

  // top brings the first row into sight where it is above, as after a search.
  top() {
    const edge = this.stuck();
    const at = this.body.getBoundingClientRect().top;
    if (at < edge) scrollBy(0, at - edge);
  }

  // stuck returns how much of the window's top is covered.
  stuck() {
    if (this.narrow.matches) return 8;
    return this.tools.offsetHeight + this.head.offsetHeight;
  }

  click(event) {
    const row = event.target.closest('tr');
    if (!row?.agent || event.defaultPrevented || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (getSelection().toString() && !event.target.closest('a')) return; // somebody marks text
    event.preventDefault();
    this.active = row.agent;
    this.open(row.agent);
  }

  focused(event) {
    const row = event.target.closest('tr');
    if (row?.agent && row.agent !== this.active) {
      this.active = row.agent;
      this.mark();
    }
  }

  key(event) {
    const page = Math.max(1, Math.floor((innerHeight - this.stuck()) / this.height) - 1);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    const step = steps[event.key];
    if (step === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const at = this.fleet.shown.findIndex((a) => a.id === this.active);
    if (at === 0 && step === -1) {
      document.getElementById('search').focus();
      return;
    }
    this.goTo(Math.max(0, Math.min(this.fleet.shown.length - 1, Math.max(at, 0) + step)));
  }

  // goTo moves the keyboard to a row.
  goTo(i) {
    const a = this.fleet.shown[i];
    if (!a) return;
    this.active = a.id;
    const top = this.body.getBoundingClientRect().top + i * this.height;
    const edge = this.stuck();
    if (top < edge) scrollBy(0, top - edge);
    else if (top + this.height > innerHeight) scrollBy(0, top + this.height - innerHeight);
    this.render();
    this.keepFocus(true);
  }

  // keepFocus keeps the keyboard at its agent, wherever its row is now.
  keepFocus(inside) {
    const line = this.mark();
    if (!inside) return;
    const target = line?.link || this.body;
    if (document.activeElement !== target) target.focus({ preventScroll: true });
  }

  // mark lets the Tab key reach one row: the active one, or the first.
  mark() {
    const at = this.lines.find((l) => l.row.agent === this.active);
    const reachable = at || this.lines[0];
    for (const l of this.lines) l.link.tabIndex = l === reachable ? 0 : -1;
    return at;
  }
}
