// One agent's page: what it is, why, what happened to it, and its last events.

import { make, put, number, absolute, exact, ago, until, span, state, reasons, doing, setBy, holds, root, apiOf, serviceNow } from './text.js';

const keepEvents = 50;
const lookBack = 20000; // positions of the stream that are searched for the agent's events at first
const calm = 1000; // without a word the search is over
const lookEvery = 5000;

export class AgentView {
  // back() leaves the page; lastEvent() is a promise of the stream's position.
  constructor(back, lastEvent) {
    this.main = document.getElementById('agent');
    this.back = back;
    this.lastEvent = lastEvent;
    this.id = null;
    this.stop = null;
    this.due = 0;
  }

  open(id, focus = true) {
    if (this.id === id) return;
    this.close();
    this.id = id;
    this.agent = null;
    this.events = [];
    this.position = null; // of the last event that was read
    this.told = null;
    this.past = null;
    this.build(id);
    if (focus) this.title.focus({ preventScroll: true });
    if (!document.hidden) this.wake();
  }

  // rest gives the connections up while nobody looks; wake takes them again.
  rest() {
    this.stop?.abort();
    this.stop = null;
  }

  wake() {
    if (!this.id || this.stop) return;
    this.stop = new AbortController();
    this.look();
    this.follow(this.id, this.stop.signal);
  }

  close() {
    this.rest();
    this.id = null;
    this.main.replaceChildren();
  }

  build(id) {
    const back = make('a', { href: root, className: 'back' }, '← All agents');
    back.addEventListener('click', (event) => this.back(event));
    this.title = make('h1', { tabIndex: -1 }, id);
    this.status = make('p', { className: 'status' });
    this.story = make('ul', { className: 'story' });
    this.facts = make('dl', { className: 'facts' });
    this.timeline = make('ol', { className: 'timeline' });
    this.list = make('ol', { className: 'events' });
    this.listNote = make('p', { className: 'muted' }, 'none yet');
    const card = (title, ...children) => make('section', { className: 'card' }, make('h2', {}, title), ...children);
    this.main.replaceChildren(
      make('div', { className: 'agent-head' }, back, this.title, this.status),
      make('div', { className: 'agent-grid' },
        make('div', {}, card('Explanation', this.story), card('Facts', this.facts)),
        make('div', {}, card('Timeline', this.timeline), card('Last events', this.listNote, this.list))),
    );
  }

  // look asks for the agent anew.
  async look() {
    const { id } = this;
    if (!id || !this.stop) return;
    this.due = Date.now() + lookEvery;
    try {
      const answer = await fetch(apiOf(id), { signal: this.stop.signal });
      const agent = await answer.json();
      if (id !== this.id) return;
      if (answer.ok) this.show(agent);
      else if (answer.status === 404) this.missing(`There is no agent ${id} any more, or there never was.`);
    } catch { /* closed, or the service is away: the link says so */ }
  }

  // missing says so; the stream tells should the agent appear.
  missing(text) {
    this.due = Infinity;
    this.agent = null;
    put(this.status, text);
    this.status.dataset.state = 'none';
  }

  tick() {
    if (!this.id) return;
    if (this.agent) this.showFacts(this.agent);
    if (Date.now() >= this.due) this.look();
  }

  show(a) {
    this.agent = a;
    this.status.dataset.state = a.state;
    const since = Date.parse(a.since);
    this.status.replaceChildren(
      make('span', { className: 'state' }, state(a.state) + (a.reason ? `: ${a.reason}` : '')),
      ` since ${absolute(since)}`,
      make('span', { className: 'muted' }, ` · wished ${a.wish}`));
    this.status.title = exact(since);
    this.tell(a);
    this.showFacts(a);
    this.history(a);
  }

  // tell shows the service's own explanation, or what can be said without.
  tell(a) {
    const told = a.explanation || [];
    const items = told.length ? told.map((text) => make('li', {}, text)) : plain(a);
    if (told.length) items.push(make('li', { className: 'muted' }, make('small', {}, 'Clock times in this text are the service’s.')));
    const text = items.map((i) => i.textContent).join('\n');
    if (text !== this.told) this.story.replaceChildren(...items);
    this.told = text;
  }

  showFacts(a) {
    const at = (text, words) => text && [`${words(Date.parse(text))}, ${absolute(Date.parse(text))}`, exact(Date.parse(text))];
    const window = a.window_left_seconds === null || !a.last_contact ? null : this.windowLeft(a);
    const facts = [
      ['Platform', [`${a.platform} (${a.vendor})`]],
      ['Label', a.label && [a.label]],
      ['Group', [a.group || '–']],
      ['Wish', a.wish_by && [`${a.wish}, by ${a.wish_by}${a.wish_until ? `, until ${absolute(Date.parse(a.wish_until))}` : ''}`]],
      ['A person said', a.override && [word(a.override)]],
      ['Working state', a.work && a.state === 'online' && [standing(a.work), a.work.since && exact(Date.parse(a.work.since))]],
      ['Working wish', a.work && a.work.wish !== 'as_is' && [wished(a.work)]],
      ['A person wished', a.work?.word && [word({ ...a.work.word, verb: a.work.word.wish.replace('_', '-') })]],
      ...(a.warnings || []).map((w) => ['Warning', [warning(w)]]),
      ['Code', a.code && [a.code]],
      ['Next attempt', at(a.next_attempt, until)],
      ['Last contact', at(a.last_contact, ago)],
      ['Window left', window !== null && [`${span(window * 1000)}`]],
      ['Session since', a.session && [`${absolute(Date.parse(a.session.started))}, ${span(serviceNow() - Date.parse(a.session.started))}${a.session.adopted ? ', adopted without a login' : ''}`, exact(Date.parse(a.session.started))]],
      ['Sign-ins', [number(a.sign_ins)]],
      ['Events', [number(a.events)]],
      ['Password expires', at(a.password_expires, until)],
    ].filter(([, value]) => value);
    const names = facts.map(([name]) => name).join();
    if (names !== this.factNames || !this.facts.childElementCount) {
      this.factNames = names;
      this.facts.replaceChildren(...facts.flatMap(([name]) => [make('dt', {}, name), make('dd', {})]));
    }
    facts.forEach(([, [text, title]], i) => {
      const dd = this.facts.children[2 * i + 1];
      put(dd, text);
      dd.title = title || '';
    });
  }

  // windowLeft goes on from what was asked last.
  windowLeft(a) {
    if (a !== this.measured) {
      this.measured = a;
      this.measuredAt = Date.now();
    }
    return Math.max(0, a.window_left_seconds - (Date.now() - this.measuredAt) / 1000);
  }

  history(a) {
    const text = JSON.stringify(a.history || []);
    if (text === this.past) return;
    this.past = text;
    const list = (a.history || []).toReversed();
    this.timeline.replaceChildren(...list.map((t, i) => {
      const at = Date.parse(t.at);
      const end = i ? Date.parse(list[i - 1].at) : null;
      return make('li', { 'data-state': t.state },
        make('time', { dateTime: t.at, title: exact(at) }, absolute(at)),
        make('span', { className: 'state' }, state(t.state) + (t.reason ? `: ${t.reason}` : '')),
        make('span', { className: 'muted' }, [t.code, end === null ? '' : `for ${end - at < 1000 ? 'a moment' : span(end - at)}`].filter(Boolean).join(' · ')));
    }));
    if (!list.length) this.timeline.replaceChildren(make('li', { className: 'muted' }, 'nothing yet'));
  }

  // follow shows the agent's newest events and then each new one. Where they
  // begin in the stream nobody knows, so it looks back further and further
  // until there are enough.
  async follow(id, signal) {
    let back = lookBack;
    while (!signal.aborted) {
      const last = this.position ?? await this.lastEvent() ?? 0;
      const from = this.position ?? Math.max(0, last - back);
      const attempt = new AbortController();
      const wider = () => {
        if (this.events.length < keepEvents && from > 0) {
          back *= 20;
          attempt.abort();
        } else {
          this.position ??= last;
        }
      };
      const searching = this.position === null;
      try {
        await this.read(id, from, AbortSignal.any([signal, attempt.signal]), searching ? wider : null);
      } catch { /* closed, or the service is away */ }
      if (attempt.signal.aborted) this.position = null;
      else if (!signal.aborted) await new Promise((go) => { setTimeout(go, 2000); });
    }
  }

  // read reads the stream; quiet is called once, when nothing more comes.
  async read(id, from, signal, quiet) {
    const headers = { 'Last-Event-ID': String(from) };
    const answer = await fetch(`${root}api/v1/events?agent=${encodeURIComponent(id)}`, { headers, signal });
    if (!answer.ok) throw new Error(String(answer.status));
    const decoder = new TextDecoder();
    const reader = answer.body.getReader();
    let timer = quiet && setTimeout(quiet, calm);
    let text = '';
    for (;;) {
      const { done, value } = await reader.read();
      if (done || id !== this.id) break;
      if (timer) {
        clearTimeout(timer);
        timer = setTimeout(quiet, calm);
      }
      text += decoder.decode(value, { stream: true });
      const parts = text.split('\n\n');
      text = parts.pop();
      for (const part of parts) this.take(part);
      this.showEvents();
    }
    clearTimeout(timer);
  }

  // take takes one message of the stream; one that came before is a repeat.
  take(part) {
    const lines = part.split('\n');
    const field = (name) => lines.find((l) => l.startsWith(name))?.slice(name.length);
    const data = field('data: ');
    if (!data) return;
    if (this.position !== null) this.position = field('id: ') ?? this.position;
    const e = JSON.parse(data);
    if (this.events.some((known) => known.id === e.id)) return;
    this.events.unshift(e);
    this.events.length = Math.min(this.events.length, keepEvents);
  }

  showEvents() {
    this.listNote.hidden = this.events.length > 0;
    const known = new Map([...this.list.children].map((li) => [li.dataset.id, li]));
    this.list.replaceChildren(...this.events.map((e) => known.get(e.id) || event(e)));
  }
}

// word is what a person ordered.
function word(o) {
  const end = o.until ? ` until ${absolute(Date.parse(o.until))}` : '';
  return `${o.verb}${end}: “${o.reason}” (${o.by}, ${absolute(Date.parse(o.at))})`;
}

// standing is what an agent does, and who made it so.
function standing(w) {
  const why = [setBy(w.by), w.code && `code ${w.code}`, w.reason].filter(Boolean).join(' · ');
  return `${doing(w.state)}${w.since ? ` for ${span(serviceNow() - Date.parse(w.since))}` : ''}${why ? ` (${why})` : ''}`;
}

// wished is what becomes of the wish for a working state.
function wished(w) {
  if (w.held_back) return `${w.wish}, held back: ${holds[w.held_back] || w.held_back}${w.held_until ? `, until ${absolute(Date.parse(w.held_until))}` : ''}`;
  return `${w.wish}${w.next_attempt ? `, next attempt ${until(Date.parse(w.next_attempt))}` : ''}; ${number(w.restores_left)} restores left`;
}

const warning = (w) => [`${w.code}:`, w.text, w.action && `(${w.action})`].filter(Boolean).join(' ');

// plain is what can be told of an agent without the service's explanation.
function plain(a) {
  const sentences = [reasons[a.reason], a.detail, a.action && `what a person can do: ${a.action}`].filter(Boolean).map(sentence);
  if (!sentences.length) {
    if (a.wish !== 'online') sentences.push('Offline is wished.');
    else sentences.push(a.state === 'online' ? 'Signed in as wished; nothing to do.' : 'On its way to being signed in.');
  }
  const items = sentences.map((text) => make('li', {}, text));
  for (const w of a.warnings || []) items.push(make('li', { className: 'warning' }, warning(w)));
  return items;
}

const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? '' : '.');

// event is one event; its data is laid out when somebody wants to see it.
function event(e) {
  const at = Date.parse(e.time);
  const data = JSON.stringify(e.data);
  const time = make('time', { dateTime: e.time, title: exact(at) }, absolute(at));
  const head = [time, make('span', { className: /^(session|work|command)\./.test(e.type) ? 'type own' : 'type' }, e.type)];
  if (data === '{}') return make('li', { 'data-id': e.id }, make('div', { className: 'event' }, ...head));
  const body = make('pre', {});
  const details = make('details', {}, make('summary', { className: 'event' }, ...head, make('span', { className: 'muted brief' }, data.length > 120 ? `${data.slice(0, 120)}…` : data)), body);
  details.addEventListener('toggle', () => { if (details.open) put(body, JSON.stringify(e.data, null, 2)); }, { once: true });
  return make('li', { 'data-id': e.id }, details);
}
