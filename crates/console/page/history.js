// Refusals and closes: charts of the last hour, and the last hundred events with their reasons.

import { named, stack } from './charts.js';
import { at, clock, count, element, fill, visible, words, write } from './dom.js';

const TABS = [
  { name: 'Refused', of: (last) => last.refused },
  { name: 'Closed', of: (last) => last.closed },
  { name: 'Would have refused', of: (last) => last.would_refuse },
  { name: 'Operators', of: (last) => last.actions },
];

let chosen = TABS[0];
let seen = null;

export function start() {
  for (const tab of TABS) {
    const button = element('button', { type: 'button', role: 'tab' }, tab.name, element('span', { className: 'number' }));
    button.addEventListener('click', () => {
      chosen = tab;
      showLast();
    });
    at('tabs').append(button);
  }
  showLast();
}

// Shows the history. Returns how many requests were refused in the last hour.
export function show(history) {
  seen = history;
  stack(at('chart-live'), [{ name: 'connections', total: null, minutes: history.live }], 'Connections');
  stack(at('chart-refused'), named([...history.refused, ...history.failed]), 'Refused');
  stack(at('chart-closed'), named(history.closed), 'Closed');
  stack(at('chart-violated'), named(history.violated).map((kind) => ({ ...kind, name: kind.name.replace(' by ', ': ') })), 'Policy actions');
  report(history.would_refuse);
  showLast();
  return history.refused.reduce((sum, kind) => sum + kind.total, 0);
}

function report(kinds) {
  if (kinds.length === 0) {
    at('report').replaceChildren(element('li', { className: 'empty' }, 'Nothing.'));
    return;
  }
  at('report').querySelector('.empty')?.remove();
  const make = () => element('li', {}, element('span', { className: 'name' }), element('span', { className: 'number' }));
  fill(at('report'), kinds, make, (item, kind) => {
    write(item.children[0], words(kind.kind));
    write(item.children[1], count(kind.total));
  });
}

function showLast() {
  [...at('tabs').children].forEach((button, place) => {
    const tab = TABS[place];
    button.setAttribute('aria-selected', String(tab === chosen));
    write(button.lastElementChild, seen ? count(tab.of(seen.last).length) : '');
  });
  const entries = seen ? chosen.of(seen.last) : [];
  fill(at('last'), entries, line, update);
  at('nothing').hidden = entries.length > 0;
}

function line() {
  const classes = ['time', 'kind', 'reason', 'who'];
  return element('li', {}, ...classes.map((className) => element('span', { className })));
}

function update(item, entry) {
  const [time, kind, reason, who] = item.children;
  write(time, clock(entry.at_ms));
  if ('operator' in entry) {
    write(kind, entry.action);
    write(reason, visible(`${entry.target}: ${entry.result}`));
    write(who, visible(entry.operator));
    return;
  }
  const status = entry.status === null ? `by ${entry.by}` : `${entry.status}${entry.by === 'plain' ? ', plain' : ''}`;
  write(kind, `${words(entry.kind)} (${status})${entry.times > 1 ? ` × ${count(entry.times)}` : ''}`);
  write(reason, entry.reason === '' ? 'no reason given' : visible(entry.reason));
  reason.classList.toggle('no-reason', entry.reason === '');
  write(who, visible([entry.subject, entry.client_ip].filter((part) => part !== null).join(' · ')));
}
