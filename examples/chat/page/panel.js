// What the server sees, updated each second.

import { badge, element } from './view.js';

const EVERY = 1_000;

const at = (id) => document.getElementById(id);

function age(seconds) {
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min`;
}

function table(id, columns, rows, empty) {
  const cells = (kind, values) => values.map((value) => element(kind, kind === 'th' ? { scope: 'col' } : {}, value));
  const head = element('thead', {}, element('tr', {}, ...cells('th', columns)));
  const none = [element('tr', {}, element('td', { colspan: String(columns.length), class: 'hint' }, empty))];
  const body = rows.map((row) => element('tr', {}, ...cells('td', row)));
  at(id).replaceChildren(head, element('tbody', {}, ...(body.length ? body : none)));
}

function show({ count, live, refusals, ends }) {
  at('live-count').textContent = String(count);
  const own = live.map(({ id, subject, seconds, messages_in: received, messages_out: sent }) => [
    `#${id}`, subject ?? '–', age(seconds), `${received} / ${sent}`,
  ]);
  table('live', ['id', 'subject', 'age', 'in / out'], own, 'no live connections');
  const refused = refusals.map(({ kind, status, code, count: times }) => [
    kind.replaceAll('_', ' '), String(status), badge(code), String(times),
  ]);
  table('refusals', ['reason', 'status', 'code', 'times'], refused, 'no refusals yet');
  const ended = ends.map(({ subject, by, code, reason, count: times, seconds }) => [
    `${subject ?? '–'}${times > 1 ? ` × ${times}` : ''}`, badge(code), reason || '–', by, age(seconds),
  ]);
  table('ends', ['subject', 'code', 'reason', 'by', 'ago'], ended, 'no connection was closed yet');
}

async function refresh() {
  try {
    const response = await fetch('/panel');
    if (!response.ok) throw new Error(`status ${response.status}`);
    show(await response.json());
    at('panel-state').textContent = 'updated each second';
  } catch {
    at('panel-state').textContent = 'the server does not respond';
  }
}

/** Refreshes the panel while the page is visible. */
export async function watch() {
  for (;;) {
    if (!document.hidden) await refresh();
    await new Promise((done) => setTimeout(done, EVERY));
  }
}
