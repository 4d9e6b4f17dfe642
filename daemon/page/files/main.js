// The page: which view is open, what is searched for, and what the stream says.

import { put, mark, number, plural, absolute, ago, zone, speak, root, pathOf } from './text.js';
import { follow } from './feed.js';
import { Fleet } from './fleet.js';
import { Summary } from './platforms.js';
import { Strip } from './strip.js';
import { Table } from './table.js';
import { AgentView } from './agent.js';
import { Troubles } from './service.js';

const $ = (id) => document.getElementById(id);
const overview = $('overview');
const agentMain = $('agent');
const search = $('search');
const selects = { platform: $('platform'), state: $('state'), group: $('group') };

const fleet = new Fleet();
const summary = new Summary(chooseTile);
const strip = new Strip();
const troubles = new Troubles();
const table = new Table(fleet, (id) => go(pathOf(id)));
const view = new AgentView((event) => { event.preventDefault(); leave(); }, async () => {
  await strip.look(true);
  return strip.lastEvent;
});

// The address says which view is open and what is searched for.

const fields = ['q', 'platform', 'state', 'group', 'sort'];
let scrolled = 0;
let listAddress = root;

function readAddress() {
  const given = new URLSearchParams(location.search);
  const part = { q: '', platform: '', state: '', group: '', sort: 'state', down: false };
  for (const name of fields) if (given.has(name)) part[name] = given.get(name);
  if (part.sort.startsWith('-')) {
    part.sort = part.sort.slice(1);
    part.down = true;
  }
  return part;
}

function writeAddress() {
  const out = new URLSearchParams();
  for (const name of ['q', 'platform', 'state', 'group']) if (fleet.query[name]) out.set(name, fleet.query[name]);
  const sort = (fleet.query.down ? '-' : '') + fleet.query.sort;
  if (sort !== 'state') out.set('sort', sort);
  const text = out.toString();
  listAddress = text ? `${root}?${text}` : root;
  if (!shownAgent()) history.replaceState(null, '', listAddress);
}

// shownAgent returns the agent that the address names, null where it names none.
function shownAgent() {
  const found = location.pathname.startsWith(root) && location.pathname.slice(root.length).match(/^agents\/([^/]+)\/([^/]+)$/);
  if (!found) return null;
  try {
    return `${decodeURIComponent(found[1])}/${decodeURIComponent(found[2])}`;
  } catch {
    return null;
  }
}

function go(address) {
  if (!shownAgent()) scrolled = scrollY;
  history.pushState(null, '', address);
  route();
}

function leave() { go(listAddress); }

function route(focus = true) {
  const id = shownAgent();
  overview.hidden = id !== null || !summary.list.length && !fleet.loaded;
  agentMain.hidden = id === null;
  $('foot').hidden = id === null && !fleet.loaded; // or it would jump
  if (id !== null) {
    view.open(id, focus);
    scrollTo(0, 0);
  } else {
    const came = view.id;
    view.close();
    listAddress = location.pathname + location.search;
    ask(readAddress(), false);
    if (came !== null) {
      scrollTo(0, scrolled);
      table.active = came;
      table.render();
      table.keepFocus(true);
    }
  }
  title();
}

function title() {
  const missing = summary.list.reduce((n, p) => n + Math.max(0, p.wished_online - p.online), 0);
  const what = shownAgent() || (missing ? `${number(missing)} not online` : 'all online');
  document.title = summary.list.length || shownAgent() ? `${what} – agentkeeper` : 'agentkeeper';
}

// The selection.

function ask(part, byPerson = true) {
  fleet.ask(part);
  if (document.activeElement !== search || search.value.trim() !== fleet.query.q) search.value = fleet.query.q;
  strip.choose(fleet.query.platform);
  if (byPerson) writeAddress();
  showControls();
  count(byPerson);
  if (byPerson) table.top();
  table.render();
}

function showControls() {
  for (const [name, select] of Object.entries(selects)) {
    const want = fleet.query[name];
    if (want && ![...select.options].some((o) => o.value === want)) select.add(new Option(want, want));
    if (select.value !== want) select.value = want;
  }
  const sort = (fleet.query.down ? '-' : '') + fleet.query.sort;
  if ($('sort').value !== sort) $('sort').value = sort;
  for (const button of document.querySelectorAll('[data-sort]')) {
    const mine = button.dataset.sort === fleet.query.sort;
    mark(button.closest('th'), 'aria-sort', mine ? (fleet.query.down ? 'descending' : 'ascending') : null);
  }
}

function count(aloud) {
  const all = fleet.agents.size;
  const shown = fleet.shown.length;
  const text = !fleet.loaded ? 'loading …' : shown === all ? plural(all, 'agent', 'agents') : `${number(shown)} of ${plural(all, 'agent', 'agents')}`;
  put($('count'), text);
  const { q, platform, state, group } = fleet.query;
  $('clear').disabled = !(q || platform || state || group);
  $('nothing').hidden = !fleet.loaded || shown > 0;
  put($('nothing'), all ? 'No agent is like that. Esc clears the search.' : 'No agents are configured.');
  if (aloud) speak(text);
}

function chooseTile(event, part) {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  ask(part);
  if ($('agents-title').getBoundingClientRect().top > innerHeight * 0.7) $('agents-title').scrollIntoView({ block: 'start' });
}

// options fills a select with names, and how many agents each has.
function options(select, counts) {
  const text = JSON.stringify([...counts]);
  if (select.known === text) return;
  select.known = text;
  const chosen = select.value;
  while (select.options.length > 1) select.remove(1);
  for (const [name, n] of [...counts].sort(([a], [b]) => (a < b ? -1 : 1))) if (name) select.add(new Option(`${name} (${number(n)})`, name));
  select.value = chosen;
  if (select.value !== chosen) {
    select.add(new Option(chosen, chosen));
    select.value = chosen;
  }
}

// The stream.

let due = false;
// refresh shows what changed, once for all messages of a moment.
function refresh() {
  if (due) return;
  due = true;
  requestAnimationFrame(() => {
    due = false;
    if (fleet.coming) return;
    fleet.show();
    options(selects.group, fleet.groups);
    count(false);
    table.render();
  });
}

const handlers = {
  hello(data) {
    put($('version'), data.version);
    if (handlers.build && handlers.build !== data.build) location.reload(); // another version serves now
    handlers.build = data.build;
    strip.look(true);
  },
  reset() { fleet.reset(); },
  platforms({ platforms }) {
    fleet.platforms = platforms;
    summary.show(platforms);
    troubles.take(platforms);
    options(selects.platform, new Map(platforms.map((p) => [p.name, p.agents])));
    if (!shownAgent() && overview.hidden) {
      overview.hidden = false;
      table.render();
    }
    title();
  },
  agents({ agents }) {
    const n = fleet.take(agents);
    if (fleet.coming) {
      if (!fleet.loaded) put($('count'), `loading ${number(n)} …`);
      return;
    }
    if (view.id && agents.some((a) => a.id === view.id)) view.look();
    strip.look();
    refresh();
  },
  gone({ gone }) {
    fleet.drop(gone);
    if (view.id && gone.includes(view.id)) view.look();
    refresh();
  },
  complete() {
    fleet.complete();
    $('foot').hidden = false;
    refresh();
    view.look();
  },
};

let lost = null;

function link(state, since) {
  const was = document.body.dataset.link;
  document.body.dataset.link = state;
  lost = state === 'lost' ? since : null;
  put($('link-text'), state === 'lost' ? 'disconnected' : state);
  tellLost();
  if (state === 'lost') speak(`Disconnected since ${absolute(since)}. Trying again.`);
  if (state === 'live' && was === 'lost') speak('Connected again.');
}

function tellLost() {
  $('stale').hidden = lost === null;
  if (lost !== null) put($('stale'), `Disconnected since ${absolute(lost)} (${ago(lost)}). What you see is from then; trying again by itself.`);
}

// The controls.

search.addEventListener('input', () => ask({ q: search.value.trim() }));
for (const [name, select] of Object.entries(selects)) select.addEventListener('change', () => ask({ [name]: select.value }));
$('sort').addEventListener('change', () => {
  const text = $('sort').value;
  ask({ sort: text.replace('-', ''), down: text.startsWith('-') });
});
const clear = () => ask({ q: '', platform: '', state: '', group: '' });
$('clear').addEventListener('click', () => { clear(); search.focus(); });
for (const button of document.querySelectorAll('[data-sort]')) {
  button.addEventListener('click', () => {
    const { sort } = button.dataset;
    ask({ sort, down: fleet.query.sort === sort ? !fleet.query.down : false });
  });
}
document.querySelector('[data-route]').addEventListener('click', (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  if (shownAgent()) leave();
  else clear();
});
search.addEventListener('keydown', (event) => {
  if (event.key === 'ArrowDown' || event.key === 'Enter') {
    event.preventDefault();
    if (event.key === 'Enter' && fleet.shown.length === 1) go(pathOf(fleet.shown[0].id));
    else table.goTo(0);
  }
});
addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const writing = event.target.matches?.('input, select, textarea');
  if (event.key === '/' && !writing) {
    event.preventDefault();
    if (shownAgent()) leave();
    search.focus();
    search.select();
  } else if (event.key === 'Escape') {
    if (shownAgent()) leave();
    else if (!$('clear').disabled) clear();
    else if (event.target === search) search.blur();
  }
});
addEventListener('popstate', () => route());
let resting = 0;
document.addEventListener('visibilitychange', () => {
  clearTimeout(resting);
  if (document.hidden) resting = setTimeout(() => view.rest(), 10e3);
  else view.wake();
});
addEventListener('pagehide', () => view.rest());
addEventListener('pageshow', () => view.wake());

setInterval(() => {
  if (document.hidden) return;
  tellLost();
  summary.tick();
  table.tick();
  view.tick();
  if (lost === null && Date.now() > strip.due + 3e3) strip.look();
}, 1000);

// Links are written from where the document is, which a route changes.
for (const a of document.querySelectorAll('a:not(.skip), link[rel=icon]')) a.href = a.href; // absolute now
put($('zone'), `Times are in ${zone}.`);
route(false);
follow(handlers, link);
troubles.watch();
