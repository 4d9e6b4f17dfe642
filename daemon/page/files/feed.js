// The stream of changes, kept open: after a restart of the service or a lost
// network it comes back by itself, and meanwhile says since when.

import { root, setServiceTime } from './text.js';

const silence = 15e3; // three beats
const hiddenFor = 10e3; // a page that nobody sees gives its connection up: a browser has six for a host
const firstPause = 500;
const longestPause = 8e3;

// follow calls handlers[event](data) for each message, and link(state, since)
// with "connecting", "live" or "lost". It returns since when nothing came.
export function follow(handlers, link) {
  let source = null;
  let heard = Date.now();
  let state = 'connecting';
  let pause = firstPause;
  let retry = 0;
  let hiding = 0;

  function become(next) {
    if (next === state) return;
    state = next;
    link(state, heard);
  }

  function open() {
    clearTimeout(retry);
    source?.close();
    source = new EventSource(`${root}api/v1/changes`);
    const mine = source;
    for (const name of ['hello', 'reset', 'platforms', 'agents', 'gone', 'complete', 'beat']) {
      mine.addEventListener(name, (event) => {
        if (mine !== source) return;
        heard = Date.now();
        const data = JSON.parse(event.data);
        if (name === 'hello' || name === 'beat') setServiceTime(data.now);
        if (name === 'complete') {
          pause = firstPause;
          become('live');
        }
        handlers[name]?.(data);
      });
    }
    mine.addEventListener('error', () => { if (mine === source) fail(); });
  }

  function fail() {
    source?.close();
    source = null;
    become('lost');
    clearTimeout(retry);
    retry = setTimeout(open, pause * (0.8 + 0.4 * Math.random()));
    pause = Math.min(pause * 2, longestPause);
  }

  setInterval(() => {
    if (source && !document.hidden && Date.now() - heard > silence) {
      fail();
    }
  }, 1000);

  function close() {
    source?.close();
    source = null;
    clearTimeout(retry);
  }

  document.addEventListener('visibilitychange', () => {
    clearTimeout(hiding);
    if (document.hidden) {
      hiding = setTimeout(() => {
        close();
        become('lost');
      }, hiddenFor);
    } else if (!source || Date.now() - heard > silence) {
      pause = firstPause;
      open();
    }
  });
  addEventListener('pagehide', close); // a page that is left may live on for going back
  addEventListener('pageshow', (event) => { if (event.persisted) open(); });
  addEventListener('online', () => { if (!source && !document.hidden) open(); });

  if (!document.hidden) open();
  link(state, heard);
}
