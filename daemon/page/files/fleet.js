// The agents as the stream told them, in the order and the selection that the
// viewer asked for. It knows nothing of the document.

import { nameOf } from './text.js';

// The order of trouble.
const ranks = { parked: 0, waiting: 1, signing_out: 3, signing_in: 4, online: 6, offline: 7 };

function rank(a) {
  if (a.state === 'offline' && a.wish === 'online') return 2;
  if (a.state === 'online' && (a.late || a.warnings || a.not_ready)) return 5;
  return ranks[a.state] ?? 5;
}

// natural makes a key in which 9 comes before 10.
const natural = (text) => text.toLowerCase().replace(/\d+/g, (digits) => digits.padStart(12, '0'));

const compareKeys = (a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0);

export const unmet = (a) => (a.wish === 'online') !== (a.state === 'online');

const states = {
  unmet,
  late: (a) => a.late,
  warned: (a) => a.warnings > 0,
  override: (a) => a.override !== '',
  not_ready: (a) => a.not_ready,
  held: (a) => a.not_ready && a.work_held !== '',
};

const never = Number.MAX_SAFE_INTEGER;

// What can be sorted by, as numbers or texts.
const sorts = {
  state: (a) => a.rank,
  group: (a) => a.group,
  wish: (a) => a.wish,
  since: (a) => -a.since, // rising is rising age
  next: (a) => a.next || never,
  sign_ins: (a) => a.sign_ins,
};

export class Fleet {
  constructor() {
    this.agents = new Map();
    this.coming = null; // a new set, until it is complete
    this.named = []; // all, by name
    this.sorted = [];
    this.shown = [];
    this.groups = new Map(); // name -> how many
    this.query = { q: '', platform: '', state: '', group: '', sort: 'state', down: false };
    this.loaded = false;
    this.stale = { members: false, order: true };
  }

  reset() { this.coming = new Map(); }

  // take adds and replaces agents and returns how many there are by now.
  take(rows) {
    const set = this.coming || this.agents;
    for (const r of rows) {
      let a = set.get(r.id);
      if (!a) {
        const [platform, login] = nameOf(r.id);
        a = { id: r.id, platform, login, key: natural(r.id), group: null };
        set.set(r.id, a);
        this.stale.members = true;
      }
      if (a.group !== (r.group || '')) this.stale.members = true;
      a.group = r.group || '';
      a.label = r.label || '';
      a.wish = r.wish;
      a.state = r.state;
      a.reason = r.reason || '';
      a.code = r.code || '';
      a.detail = r.detail || '';
      a.since = r.since;
      a.next = r.next || 0;
      a.sign_ins = r.sign_ins || 0;
      a.queued = !!r.queued;
      a.late = !!r.late;
      a.override = r.override || '';
      a.warnings = r.warnings || 0;
      a.work = r.work || '';
      a.work_by = r.work_by || '';
      a.work_why = r.work_why || '';
      a.work_wish = r.work_wish || '';
      a.work_held = r.work_held || '';
      a.work_since = r.work_since || 0;
      a.work_next = r.work_next || 0;
      a.not_ready = !!r.not_ready;
      a.rank = rank(a);
      a.text = `${a.id} ${a.label || ''} ${a.group} ${a.state} ${a.reason} ${a.code} ${a.detail} ${a.work} ${a.work_why}`.toLowerCase();
    }
    this.stale.order = true;
    return set.size;
  }

  drop(ids) {
    const set = this.coming || this.agents;
    for (const id of ids) set.delete(id);
    this.stale.members = true;
  }

  complete() {
    if (this.coming) this.agents = this.coming;
    this.coming = null;
    this.loaded = true;
    this.stale.members = true;
  }

  // ask changes the query.
  ask(part) {
    const { sort, down } = this.query;
    Object.assign(this.query, part);
    if (sort !== this.query.sort || down !== this.query.down) this.stale.order = true;
    this.show();
  }

  // show brings what is shown up to date.
  show() {
    if (this.stale.members) this.name();
    if (this.stale.order) this.order();
    this.stale = { members: false, order: false };
    this.shown = this.select();
  }

  name() {
    this.named = [...this.agents.values()].sort(compareKeys);
    this.groups = new Map();
    for (const a of this.named) this.groups.set(a.group, (this.groups.get(a.group) || 0) + 1);
    this.stale.order = true;
  }

  // order sorts; equals stay in the order of their names.
  order() {
    const { sort, down } = this.query;
    const value = sorts[sort];
    if (!value) {
      this.sorted = down ? this.named.toReversed() : this.named;
      return;
    }
    const sign = down ? -1 : 1;
    this.sorted = this.named.slice().sort((a, b) => {
      const x = value(a);
      const y = value(b);
      return x < y ? -sign : x > y ? sign : 0;
    });
  }

  select() {
    const { q, platform, state, group } = this.query;
    const terms = q.toLowerCase().split(/\s+/).filter(Boolean);
    if (!terms.length && !platform && !state && !group) return this.sorted;
    const matches = states[state];
    return this.sorted.filter((a) => (!platform || a.platform === platform)
      && (!group || a.group === group)
      && (!state || (matches ? matches(a) : a.state === state))
      && terms.every((term) => a.text.includes(term)));
  }
}
