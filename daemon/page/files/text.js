// What the other modules say numbers, times and states with. Everything that
// came from the service is set as text, never as markup.

// make returns an element with properties, attributes (with a dash or listed)
// and children.
export function make(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes('-') || name === 'role' || name === 'scope' || name === 'colspan') node.setAttribute(name, value);
    else node[name] = value;
  }
  node.append(...children);
  return node;
}

// put changes a text only where it differs.
export function put(node, text) {
  text = String(text);
  if (node.textContent !== text) node.textContent = text;
}

// mark does the same for an attribute; null removes it.
export function mark(node, name, value) {
  if (value === null) {
    if (node.hasAttribute(name)) node.removeAttribute(name);
  } else if (node.getAttribute(name) !== String(value)) {
    node.setAttribute(name, value);
  }
}

const numbers = new Intl.NumberFormat('en');
export const number = (n) => numbers.format(n);

export const plural = (n, one, many) => `${number(n)} ${n === 1 ? one : many}`;

// The service's clock may differ from the viewer's: ages are counted by the
// service's, instants are shown in the viewer's zone.
let ahead = 0;
export const setServiceTime = (now) => { ahead = now - Date.now(); };
export const serviceNow = () => Date.now() + ahead;

const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const dayAndClock = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' });
const whole = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'long' });

export const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || 'local time';

// absolute names an instant as shortly as it stays clear.
export function absolute(at) {
  const near = Math.abs(serviceNow() - at) < 12 * 3600e3;
  return (near ? clock : dayAndClock).format(at);
}

export const exact = (at) => `${whole.format(at)} (${zone})`;

// span says how long something is, to two places at most.
export function span(ms) {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 60) return `${s} s`;
  const m = Math.floor(s / 60);
  if (m < 60) return m < 10 && s % 60 ? `${m} min ${s % 60} s` : `${m} min`;
  const h = Math.floor(m / 60);
  if (h < 48) return m % 60 ? `${h} h ${m % 60} min` : `${h} h`;
  const d = Math.floor(h / 24);
  return h % 24 && d < 10 ? `${d} d ${h % 24} h` : `${d} d`;
}

export function ago(at) {
  const age = serviceNow() - at;
  return age < 1000 ? 'now' : `${span(age)} ago`;
}

export function until(at) {
  const left = at - serviceNow();
  return left < 1000 ? 'now' : `in ${span(left)}`;
}

const words = { signing_in: 'signing in', signing_out: 'signing out' };
export const state = (name) => words[name] || name;

export const reasons = {
  outage: 'the platform cannot be reached, or does not work',
  lost: 'the session was lost',
  taken: 'somebody else holds the session or the number',
  doubt: 'an answer never came',
  refused: 'credentials or settings were rejected',
  quarantine: 'log-ins are stopped to avoid a lock-out',
  busy: 'sign-out was refused during a call',
  replaced: 'evicted again and again',
};

// What agents do that are online, and who made it so.
const doings = { offered: 'call offered', talking: 'in a call', wrap_up: 'after a call', unknown: 'not known' };
export const doing = (name) => doings[name] || name;

const setters = { platform: 'by the platform', inspector: 'by an inspector', program: 'by another program', keeper: 'by this service' };
export const setBy = (name) => setters[name] || '';

// holds say why a wish for a working state is not pursued.
export const holds = {
  inspector: 'an inspector set the state',
  program: 'another program set the state',
  unknown: 'nobody knows who set the state',
  platform: 'what the platform did is not to be undone',
  limit: 'as many restores as are allowed did not last',
  canary: 'one agent is restored first',
  in_call: 'it has a call',
  wrap_up: 'the work after a call goes on',
  offline: 'it is not signed in',
  unsupported: 'the vendor documents no way',
};

// nameOf divides an agent's name: the platform ends at the first slash.
export function nameOf(id) {
  const at = id.indexOf('/');
  return [id.slice(0, at), id.slice(at + 1)];
}

// The page may be served below a prefix, as a proxy in between does: everything is
// found from where this file is, /page/text.js below it.
export const root = new URL('..', import.meta.url).pathname;

const partOf = (id) => nameOf(id).map(encodeURIComponent).join('/');

// pathOf is the address of an agent's page, apiOf that of what is told about it.
export const pathOf = (id) => `${root}agents/${partOf(id)}`;
export const apiOf = (id) => `${root}api/v1/agents/${partOf(id)}`;

let speaking;
// speak tells a screen reader, once things have settled.
export function speak(text) {
  clearTimeout(speaking);
  speaking = setTimeout(() => put(document.getElementById('spoken'), text), 700);
}
