// The panels around the table: key numbers, limits, holders, and the server itself.

import { at, bytes, count, element, fill, rate, visible, words, write } from './dom.js';

// Shows the key numbers.
export function tiles(summary, refused) {
  const passing = summary.per_second;
  const cluster = summary.cluster;
  const shown = [
    { name: 'Connections', value: count(summary.live), about: `peak ${count(summary.peak)}` },
    { name: 'Messages in', value: passing ? `${rate(passing.messages_in)}/s` : '–', about: passing ? `${bytes(passing.bytes_in)}/s` : '' },
    { name: 'Messages out', value: passing ? `${rate(passing.messages_out)}/s` : '–', about: passing ? `${bytes(passing.bytes_out)}/s` : '' },
    { name: 'Refused', value: refused === null ? '–' : count(refused), about: 'in the last hour' },
    { name: 'Closing', value: count(summary.closing), about: summary.opening > 0 ? `${count(summary.opening)} opening` : '' },
    tileOfServer(summary.drain, cluster),
  ];
  fill(at('tiles'), shown, tile, (item, { name, value, about, mood }) => {
    const [label, number, note] = item.children;
    write(label, name);
    write(number, value);
    write(note, about);
    item.dataset.mood = mood ?? '';
  });
}

function tile() {
  return element('div', { className: 'tile' }, element('span', { className: 'label' }),
    element('span', { className: 'value' }), element('span', { className: 'about' }));
}

function tileOfServer(drain, cluster) {
  if (drain && drain.state !== 'open') {
    return { name: 'Server', value: drain.state, about: 'refuses handshakes', mood: 'warn' };
  }
  if (cluster) {
    const about = cluster.nodes === null ? '' : `${count(cluster.nodes)} ${cluster.nodes === 1 ? 'node' : 'nodes'}`;
    return { name: 'Cluster', value: cluster.state, about, mood: cluster.ready ? 'good' : 'bad' };
  }
  return { name: 'Server', value: 'open', about: 'accepts handshakes', mood: 'good' };
}

const SCOPES = {
  server: 'all connections',
  client_ip: 'of one address',
  subject: 'of one subject',
  key: 'of one key',
  unauthenticated: 'without a subject',
};

// Shows limits as meters, with the high-water mark.
export function limits(all) {
  if (all.length === 0) {
    at('limits').replaceChildren(element('li', { className: 'empty' }, 'No limits are registered with the console.'));
    return;
  }
  if (at('limits').querySelector('.empty')) {
    at('limits').replaceChildren();
  }
  fill(at('limits'), all, meter, (item, limit) => {
    const [line, track] = item.children;
    const [name, number] = line.children;
    write(name, `${limit.name}, ${SCOPES[limit.scope] ?? words(limit.scope)}`);
    const known = limit.live !== null;
    write(number, known ? `${count(limit.live)} of ${count(limit.max)}` : `up to ${count(limit.max)}`);
    const part = known && limit.max > 0 ? Math.min(limit.live / limit.max, 1) : 0;
    const [bar, mark] = track.children;
    bar.style.width = `${(part * 100).toFixed(1)}%`;
    mark.style.left = `${limit.max > 0 ? ((limit.high_water / limit.max) * 100).toFixed(1) : 100}%`;
    mark.title = `high water: ${count(limit.high_water)}`;
    item.dataset.mood = limit.full ? 'bad' : limit.is_high ? 'warn' : '';
    track.setAttribute('aria-valuenow', String(limit.live ?? 0));
    track.setAttribute('aria-valuemax', String(limit.max));
  });
}

function meter() {
  const bar = element('span', { className: 'bar-fill' });
  const mark = element('span', { className: 'mark' });
  return element('li', {},
    element('div', { className: 'line' }, element('span', { className: 'name' }), element('span', { className: 'number' })),
    element('div', { className: 'track', role: 'meter', 'aria-valuemin': '0' }, bar, mark));
}

// Shows the largest holders of connections. `act` is called with the one whose button is pressed.
export function holders(all, mayAct, act) {
  list(at('subjects'), all.subjects, mayAct, (holder) => act({ holder, of: 'subject' }));
  list(at('addresses'), all.client_ips, mayAct, (holder) => act({ holder, of: 'client_ip' }));
}

function list(parent, all, mayAct, act) {
  const most = all.slice(0, 5);
  fill(parent, most, () => holder(act), (item, one) => {
    item.holder = one;
    const [name, number, button] = item.children;
    write(name, visible(one.name));
    name.title = visible(one.issuer ? `${one.name} of ${one.issuer}` : one.name);
    write(number, count(one.count));
    button.hidden = !mayAct || one.connection === undefined;
    button.setAttribute('aria-label', `Act on all of ${visible(one.name)}`);
  });
}

function holder(act) {
  const button = element('button', { type: 'button' }, 'Act…');
  const item = element('li', {}, element('span', { className: 'name' }), element('span', { className: 'number' }), button);
  button.addEventListener('click', () => act(item.holder));
  return item;
}

// Shows the drain, the cluster, and the name of this node.
export function server(summary) {
  const facts = [];
  if (summary.drain) {
    facts.push(['Drain', summary.drain.result ? `${summary.drain.state}: ${summary.drain.result}` : summary.drain.state]);
  }
  const cluster = summary.cluster;
  if (cluster) {
    facts.push(['Cluster', cluster.state]);
    facts.push(['Nodes alive', cluster.nodes === null ? 'unknown' : count(cluster.nodes)]);
    facts.push(['Revocations', cluster.stale ? 'the copy may be incomplete' : 'the copy is complete']);
    for (const [name, number] of cluster.events) {
      facts.push([name[0].toUpperCase() + name.slice(1), count(number)]);
    }
  }
  if (summary.node) {
    facts.push(['This node', summary.node]);
  }
  const hidden = [summary.masked.subjects ? 'subjects' : null, summary.masked.client_ips ? 'addresses' : null];
  const masked = hidden.filter((one) => one !== null).join(' and ');
  facts.push(['Masked', masked === '' ? 'nothing' : masked]);
  facts.push(['You may', summary.may.length === 0 ? 'look' : `look, ${summary.may.join(', ')}`]);
  fill(at('server'), facts, () => element('div', {}, element('dt'), element('dd')), (item, [name, value]) => {
    write(item.children[0], name);
    write(item.children[1], value);
  });
}
