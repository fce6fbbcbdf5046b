// Listens to the server's events and renders them.

import * as actions from './actions.js';
import { at, count, visible, write } from './dom.js';
import * as history from './history.js';
import * as overview from './overview.js';
import * as table from './table.js';

// On a phone, a connection is a card, and few of them fit on the screen.
const LIMIT = window.matchMedia('(max-width: 860px)').matches ? 8 : 25;
const RETRY = 5000;

// What is selected for this view.
const view = { search: '', state: '', sort: 'age', order: 'desc', offset: 0 };

let source = null;
let waiting = null;
let paused = false;
let refused = null;
let may = [];

function query() {
  const wanted = new URLSearchParams({ sort: view.sort, order: view.order, limit: LIMIT });
  if (view.search !== '') {
    wanted.set('search', view.search);
  }
  if (view.state !== '') {
    wanted.set('state', view.state);
  }
  if (view.offset > 0) {
    wanted.set('offset', view.offset);
  }
  return wanted;
}

function say(state, mood) {
  write(at('stream'), state);
  at('stream').dataset.mood = mood;
}

function stop() {
  source?.close();
  source = null;
  clearTimeout(waiting);
}

function listen() {
  stop();
  if (paused) {
    return;
  }
  const opened = new EventSource(`api/events?${query()}`);
  source = opened;
  opened.addEventListener('update', (event) => update(JSON.parse(event.data)));
  opened.addEventListener('history', (event) => {
    refused = history.show(JSON.parse(event.data));
  });
  opened.addEventListener('error', () => {
    // The browser reopens a stream that ended, but not one that was refused.
    if (opened.readyState !== EventSource.CLOSED) {
      say('reconnecting', 'warn');
    } else if (source === opened) {
      explain();
    }
  });
}

// Finds out why there are no events: the browser does not report it.
async function explain() {
  const response = await fetch(`api/connections?${query()}`).catch(() => null);
  if (response?.status === 403) {
    say('access denied', 'bad');
    return;
  }
  say(response?.ok ? 'too many viewers' : 'no response', 'bad');
  waiting = setTimeout(listen, RETRY);
}

function update({ summary, connections }) {
  say('live', 'good');
  may = summary.may;
  const mayClose = may.includes('close');
  write(at('where'), `${count(summary.live)} connected · ${visible(summary.operator)}`);
  overview.tiles(summary, refused);
  overview.limits(summary.limits);
  overview.holders(summary.holders, mayClose, (holder) => actions.ofHolder(holder, may));
  overview.server(summary);
  at('drain').hidden = !may.includes('drain') || summary.drain?.state !== 'open';
  if (connections.rows.length === 0 && connections.matched > 0) {
    // The current page no longer exists.
    look({ offset: 0 });
    return;
  }
  table.show(connections, view, mayClose, (row) => actions.ofConnection(row, may));
}

// Changes the view.
function look(change) {
  Object.assign(view, change);
  table.showSort(view);
  listen();
}

function start() {
  history.start();
  actions.start();
  table.head(view, (sort, order) => look({ sort, order, offset: 0 }));
  let typing = null;
  at('search').addEventListener('input', () => {
    clearTimeout(typing);
    typing = setTimeout(() => look({ search: at('search').value.trim(), offset: 0 }), 250);
  });
  at('state').addEventListener('change', () => look({ state: at('state').value, offset: 0 }));
  at('previous').addEventListener('click', () => look({ offset: Math.max(0, view.offset - LIMIT) }));
  at('next').addEventListener('click', () => look({ offset: view.offset + LIMIT }));
  at('drain').addEventListener('click', actions.drain);
  at('pause').addEventListener('click', () => {
    paused = !paused;
    write(at('pause'), paused ? 'Resume' : 'Pause');
    at('pause').setAttribute('aria-pressed', String(paused));
    if (paused) {
      stop();
      say('paused', 'warn');
    } else {
      listen();
    }
  });
  look({});
}

start();
