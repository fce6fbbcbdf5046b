// What a client can do wrong, and the close code that it should receive.

import { issue, open } from './client.js';

const HOLD = 4_000;

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** A second connection: `settled` when it was greeted or closed, `done` when it was closed. */
function beside(who, room, token, closed) {
  const socket = open(room, token);
  const done = new Promise((resolve) => {
    socket.addEventListener('close', ({ code, reason }) => {
      closed(who, code, reason);
      resolve();
    });
  });
  const welcome = new Promise((resolve) => {
    socket.addEventListener('message', resolve, { once: true });
  });
  return { socket, done, settled: Promise.race([welcome, done]) };
}

/** Closes connections after a while, so that they can be seen in the meantime. */
async function hold(held) {
  await pause(HOLD);
  for (const { socket } of held) socket.close(1000);
  await Promise.all(held.map(({ done }) => done));
}

async function flood({ client }) {
  for (let number = 1; number <= 50; number += 1) client.send({ type: 'say', text: `flood ${number} of 50` });
}

async function oversize({ client }) {
  client.send({ type: 'say', text: 'x'.repeat(6000) });
}

async function expire({ client }) {
  client.again(4);
}

async function forge({ client, closed }) {
  const [head, claims, signature] = (await issue(client.name)).split('.');
  const other = (signature.startsWith('A') ? 'B' : 'A') + signature.slice(1);
  await beside('forger', client.room, [head, claims, other].join('.'), closed).done;
}

async function tabs({ client, closed }) {
  const token = await issue(client.name);
  const held = [];
  for (let number = 1; number <= 20; number += 1) {
    const tab = beside('tab', 'tabs', token, closed);
    held.push(tab);
    await tab.settled;
    // If too many close at the same time, some are cut off without a code.
    await pause(80);
  }
  await hold(held);
}

async function crowd({ closed }) {
  const held = [];
  for (let number = 1; number <= 18; number += 1) {
    const guest = beside('guest', 'crowd', await issue(`guest-${number}`), closed);
    held.push(guest);
    await guest.settled;
  }
  await hold(held);
}

async function hammer({ client, closed }) {
  const token = await issue('hammer');
  for (let number = 1; number <= 80; number += 1) {
    // Your own connection comes when the quota of this address is used up.
    if (number === 50) client.again();
    const attempt = beside('hammer', 'tabs', token, closed);
    attempt.socket.addEventListener('open', () => attempt.socket.close(1000));
    await attempt.done;
  }
}

async function crash({ client }) {
  client.send({ type: 'crash' });
}

/** A frame without an origin stands in for a page of another site. */
async function elsewhere({ closed }) {
  const frame = document.createElement('iframe');
  frame.sandbox = 'allow-scripts';
  frame.hidden = true;
  frame.src = '/elsewhere';
  const result = new Promise((resolve) => {
    addEventListener('message', function listen({ source, data }) {
      if (source !== frame.contentWindow) return;
      removeEventListener('message', listen);
      resolve(data);
    });
  });
  document.body.append(frame);
  const { code, reason } = await Promise.race([result, pause(5_000).then(() => ({ code: 1006, reason: '' }))]);
  frame.remove();
  closed('foreign page', Number(code), String(reason));
}

/** Each with a name, a description, the expected code, and whether it acts on the chat's own connection. */
export const ALL = [
  { id: 'flood', title: 'Flood', text: '50 messages at once', code: 1008, live: true, act: flood },
  { id: 'oversize', title: 'Oversized message', text: '6,000 bytes, 4,096 allowed', code: 1009, live: true, act: oversize },
  { id: 'expire', title: 'Let the token expire', text: 'after 4 s, not renewed', code: 3000, act: expire },
  { id: 'forge', title: 'Forge a token', text: 'with another signature', code: 3000, act: forge },
  { id: 'tabs', title: 'Open twenty tabs', text: 'four stay, the oldest are closed', code: 1008, act: tabs },
  { id: 'crowd', title: 'Bring a crowd', text: '18 from one address, 16 allowed', code: 1013, act: crowd },
  { id: 'hammer', title: 'Hammer at the door', text: '80 handshakes, one yours', code: 1013, act: hammer },
  { id: 'elsewhere', title: 'Foreign page', text: 'a 403 that the page cannot see', code: 1006, act: elsewhere },
  { id: 'crash', title: 'Crash the handler', text: 'a panic, only of your connection', code: 1011, live: true, act: crash },
];
