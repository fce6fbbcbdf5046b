// Forms, buttons, and the events of the client.

import { Client } from './client.js';
import { meaning, tone } from './codes.js';
import { ALL } from './mischief.js';
import { watch } from './panel.js';
import * as view from './view.js';

const at = (id) => document.getElementById(id);

const STATES = {
  out: 'not signed in', connecting: 'connecting', open: 'connected', waiting: 'waiting', stopped: 'stopped',
};

let countdown = 0;

/** The buttons that act on the chat's own connection, and their texts while it is open. */
const liveActions = [];

/** The last button that was pressed, to see whether it led to the expected code. */
let pressed = null;

function state(now, detail) {
  clearInterval(countdown);
  const status = at('status');
  status.dataset.state = now;
  status.textContent = STATES[now];
  at('door').hidden = now !== 'out';
  at('hall').hidden = at('leave').hidden = now === 'out';
  at('say-text').disabled = at('say').querySelector('button').disabled = now !== 'open';
  at('say-text').placeholder = now === 'open' ? 'Say something' : 'Not connected';
  for (const { button, text, note } of liveActions) {
    // Not `disabled`, which would remove the focus from the button that was just pressed.
    button.ariaDisabled = String(now !== 'open');
    note.textContent = now === 'open' ? text : 'needs a live connection';
  }
  at('back').hidden = now !== 'stopped';
  if (now === 'open' || now === 'out') at('status-code').textContent = '';
  if (now === 'open') {
    at('ended').hidden = true;
    // The server sends the latest messages to every client that connects.
    at('messages').replaceChildren();
  } else {
    at('members').replaceChildren();
  }
  if (now === 'waiting') count(status, detail);
  if (now === 'stopped') {
    if (at('ended').hidden) ended(null, detail, 'not reconnecting by itself');
    at('back').focus();
  }
}

function count(status, until) {
  const tick = () => {
    status.textContent = `reconnecting in ${Math.max(0, Math.ceil((until - Date.now()) / 1000))} s`;
  };
  tick();
  countdown = setInterval(tick, 250);
}

function ended(code, reason, then) {
  at('ended').hidden = false;
  for (const id of ['ended-code', 'status-code']) {
    at(id).textContent = code ?? '';
    at(id).dataset.tone = code === null ? 'stop' : tone(code);
  }
  at('ended-meaning').textContent = code === null ? 'the server issued no token' : meaning(code);
  at('ended-reason').textContent = reason ? `“${reason}”` : 'no reason given';
  at('ended-then').textContent = `The client is ${then}.`;
}

function event(received) {
  if (received.type === 'said') view.said(at('messages'), received, received.name === client.name);
  if (received.type === 'members') view.members(at('members'), received.names, client.name, kick);
}

/** Logs the end of a connection of this page. */
function log(who, code, reason, then = '') {
  view.closed(at('closes'), who, code, reason, then);
  if (pressed?.code === code) pressed.button.dataset.seen = 'true';
}

const client = new Client({
  event,
  state,
  closed(code, reason, then) {
    ended(code, reason, then);
    log('chat', code, reason, then);
  },
});

function kick(name) {
  client.send({ type: 'kick', name });
}

function enter(name, room) {
  at('ended').hidden = true;
  at('room-title').textContent = room;
  client.enter(name, room);
}

/** Calls `take` with a form's fields when it is submitted. */
function onSubmit(id, take) {
  at(id).addEventListener('submit', (submitted) => {
    submitted.preventDefault();
    take(Object.fromEntries(new FormData(submitted.target)), submitted.target);
  });
}

onSubmit('sign-in', ({ name, room }) => {
  enter(name, room);
  at('say-text').focus();
});
onSubmit('move', ({ room }, form) => {
  form.reset();
  enter(client.name, room);
});
onSubmit('say', ({ text }, form) => {
  if (client.send({ type: 'say', text })) form.reset();
});
at('back').addEventListener('click', () => enter(client.name, client.room));
at('leave').addEventListener('click', () => client.leave());

for (const { id, title, text, code, live, act } of ALL) {
  const note = view.element('small', {}, text);
  const button = view.element(
    'button',
    { type: 'button', id, class: 'action' },
    view.element('span', {}, view.element('strong', {}, title), note),
    view.badge(code),
  );
  if (live) liveActions.push({ button, text, note });
  const label = { href: `/source#${id}`, target: 'source', 'aria-label': `The line of code behind “${title}”` };
  const line = view.element('a', { class: 'line', ...label }, 'code');
  button.addEventListener('click', async () => {
    if (button.ariaBusy === 'true' || button.ariaDisabled === 'true') return;
    button.ariaBusy = 'true';
    pressed = { code, button };
    delete button.dataset.seen;
    try {
      await act({ client, closed: log });
    } catch (error) {
      console.warn(title, error);
    } finally {
      button.ariaBusy = 'false';
    }
  });
  at('mischief').append(view.element('li', {}, button, line));
}

view.keepAtEnd(at('messages'));
view.keepAtEnd(at('closes'));
state('out');
watch();
