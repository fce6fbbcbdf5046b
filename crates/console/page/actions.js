// The actions of an operator: confirmed in a dialog, and sent as JSON from this page.

import { at, element, visible, write } from './dom.js';

let pending = null;

// Sends an action and returns its outcome.
async function send(path, body) {
  const response = await fetch(`api/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const outcome = await response.json().catch(() => ({}));
  if (!response.ok) {
    throw new Error(outcome.error ?? `the server responded with ${response.status}`);
  }
  return outcome;
}

function toast(text) {
  const node = at('toast');
  write(node, text);
  node.hidden = false;
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => { node.hidden = true; }, 6000);
}

const frame = () => ({ code: Number(at('dialog-code').value), reason: at('dialog-reason').value });

function closed({ closed: number, notified }) {
  const here = number === 1 ? '1 connection is being closed' : `${number} connections are being closed`;
  return notified === false ? `${here}; the other nodes could not be notified` : here;
}

// Opens the dialog; nothing is done before it is confirmed. A choice: `{ name, verb, frame, run }`.
function ask(title, about, choices) {
  write(at('dialog-title'), title);
  write(at('dialog-about'), about);
  const legend = at('dialog-choices').firstElementChild;
  at('dialog-choices').replaceChildren(legend, ...choices.map((choice, place) => {
    const radio = element('input', { type: 'radio', name: 'choice', value: String(place), checked: place === 0 });
    return element('label', { className: 'choice' }, radio, element('span', {}, choice.name));
  }));
  at('dialog-choices').hidden = choices.length < 2;
  at('dialog-reason').value = '';
  at('dialog-code').value = '1008';
  at('dialog-error').hidden = true;
  pending = choices;
  choose();
  at('dialog').showModal();
}

function chosen() {
  const radio = at('dialog-choices').querySelector('input:checked');
  return pending[Number(radio?.value ?? 0)];
}

function choose() {
  const choice = chosen();
  write(at('dialog-confirm'), choice.verb);
  at('dialog-frame').hidden = !choice.frame;
  at('dialog-code').disabled = !choice.frame;
}

// Opens the dialog for a connection in the table.
export function ofConnection(row, may) {
  const name = visible(row.subject ?? 'anonymous');
  const choices = [{ name: 'Close this connection', verb: 'Close', frame: true, run: () => send('close', { connection: row.id, ...frame() }).then(closed) }];
  if (row.subject !== null) {
    choices.push(ofSubject(row.id, name));
  }
  if (row.client_ip !== null) {
    choices.push(ofAddress(row.id, row.client_ip));
  }
  if (row.subject !== null && may.includes('revoke')) {
    choices.push(revocation(row.id, name));
  }
  ask(`Connection ${row.id}`, visible([row.subject, row.client_ip].filter((part) => part !== null).join(' · ')), choices);
}

// Opens the dialog for a subject or an address.
export function ofHolder({ holder, of }, may) {
  const name = visible(holder.name);
  const choices = of === 'subject'
    ? [ofSubject(holder.connection, name), ...(may.includes('revoke') ? [revocation(holder.connection, name)] : [])]
    : [ofAddress(holder.connection, name)];
  ask(name, `${holder.count} connections on this node`, choices);
}

const ofSubject = (id, name) => ({
  name: `Close all connections of ${name}`,
  verb: 'Close all',
  frame: true,
  run: () => send('close', { subject_of: id, ...frame() }).then(closed),
});

const ofAddress = (id, address) => ({
  name: `Close all connections of the address ${address}`,
  verb: 'Close all',
  frame: true,
  run: () => send('close', { client_ip_of: id, ...frame() }).then(closed),
});

const revocation = (id, name) => ({
  name: `Revoke all tokens of ${name} and close the connections they authenticated`,
  verb: 'Revoke',
  frame: false,
  run: () => send('revoke', { subject_of: id }).then(closed),
});

export function drain() {
  ask('Start the drain?', 'This server will refuse all new handshakes and close all its connections. This cannot be undone.', [
    { name: '', verb: 'Start the drain', frame: false, run: () => send('drain', {}).then(() => 'the drain has started') },
  ]);
}

export function start() {
  at('dialog-choices').addEventListener('change', choose);
  at('dialog-cancel').addEventListener('click', () => at('dialog').close());
  at('dialog-form').addEventListener('submit', async (event) => {
    event.preventDefault();
    const confirm = at('dialog-confirm');
    confirm.disabled = true;
    try {
      toast(await chosen().run());
      at('dialog').close();
    } catch (error) {
      write(at('dialog-error'), error.message);
      at('dialog-error').hidden = false;
    } finally {
      confirm.disabled = false;
    }
  });
}
