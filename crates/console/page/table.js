// The table of connections. The server sorts, searches and paginates.

import { at, bytes, clock, count, duration, element, fill, rate, visible, write } from './dom.js';

const NONE = '–';

const perSecond = (of, show) => (row) => (row.per_second ? show(row.per_second[of]) : NONE);

// A column: its name, the sort key of the server, its class, and its text.
const COLUMNS = [
  { name: 'Subject', sort: 'subject', kind: 'who', text: (row) => (row.subject === null ? NONE : visible(row.subject)), up: true },
  { name: 'Address', sort: 'client_ip', kind: 'mono', text: (row) => row.client_ip ?? NONE, up: true },
  { name: 'Age', sort: 'age', kind: 'number', text: (row) => duration(row.age_ms) },
  { name: 'State', sort: 'state', kind: 'state', text: (row) => row.state },
  { name: 'In/s', about: 'messages in, per second', sort: 'messages_in', kind: 'number', text: perSecond('messages_in', rate) },
  { name: 'Bytes in', about: 'bytes in, per second', sort: 'bytes_in', kind: 'number', text: perSecond('bytes_in', bytes) },
  { name: 'Out/s', about: 'messages out, per second', sort: 'messages_out', kind: 'number', text: perSecond('messages_out', rate) },
  { name: 'Bytes out', about: 'bytes out, per second', sort: 'bytes_out', kind: 'number', text: perSecond('bytes_out', bytes) },
  { name: 'Trip', about: 'round trip of the last ping', sort: 'round_trip', kind: 'number', text: (row) => trip(row.round_trip_ms) },
  { name: 'Quota', about: 'messages left in the quota', sort: 'quota_left', kind: 'number', text: (row) => (row.quota_left === null ? NONE : count(row.quota_left)), up: true },
  { name: 'Limits', sort: null, kind: 'fills', text: null },
  { name: 'Token', about: 'when the token expires', sort: 'expires_at', kind: 'number ends', text: (row, now) => ends(row.expires_at_ms, now), up: true },
];

const trip = (milliseconds) => (milliseconds === null ? NONE : `${milliseconds} ms`);

function ends(milliseconds, now) {
  if (milliseconds === null) {
    return NONE;
  }
  return milliseconds > now ? `in ${duration(milliseconds - now)}` : 'expired';
}

// Creates the header. `sorted` is called with the new sort key and order.
export function head(view, sorted) {
  const choice = at('sort');
  for (const column of COLUMNS) {
    const cell = element('th', { className: column.kind, scope: 'col' });
    if (column.sort) {
      const button = element('button', { type: 'button', data: { sort: column.sort } }, column.name);
      button.addEventListener('click', () => sorted(column.sort, next(view, column)));
      cell.append(button);
      button.title = column.about ?? '';
      choice.append(element('option', { value: column.sort }, `Sort by ${column.about ?? column.name.toLowerCase()}`));
    } else {
      cell.append(column.name);
    }
    at('columns').append(cell);
  }
  at('columns').append(element('th', { className: 'act', scope: 'col' }, element('span', { className: 'hidden' }, 'Actions')));
  choice.addEventListener('change', () => {
    const column = COLUMNS.find(({ sort }) => sort === choice.value);
    sorted(column.sort, column.up ? 'asc' : 'desc');
  });
}

function next(view, column) {
  const usual = column.up ? 'asc' : 'desc';
  if (view.sort !== column.sort) {
    return usual;
  }
  return view.order === 'asc' ? 'desc' : 'asc';
}

export function showSort(view) {
  at('sort').value = view.sort;
  for (const cell of at('columns').children) {
    const button = cell.querySelector('button');
    const here = button?.dataset.sort === view.sort;
    if (here) {
      cell.setAttribute('aria-sort', view.order === 'asc' ? 'ascending' : 'descending');
    } else {
      cell.removeAttribute('aria-sort');
    }
  }
}

// Shows a page. `act` is called with the row whose button is pressed; without `mayAct` there are no buttons.
export function show(connections, view, mayAct, act) {
  const { rows, matched, total, offset } = connections;
  const now = connections.at_ms;
  fill(at('rows'), rows, () => make(act), (line, row) => update(line, row, now, mayAct));
  at('connections').hidden = rows.length === 0;
  at('empty').hidden = rows.length > 0;
  write(at('matched'), matched === total ? count(total) : `${count(matched)} of ${count(total)}`);
  write(at('page'), rows.length === 0 ? '' : `${count(offset + 1)}–${count(offset + rows.length)}`);
  at('previous').disabled = offset === 0;
  at('next').disabled = offset + rows.length >= matched;
}

function make(act) {
  const line = element('tr');
  for (const column of COLUMNS) {
    line.append(element('td', { className: column.kind, data: { name: column.name } }));
  }
  const button = element('button', { type: 'button' }, 'Act…');
  button.addEventListener('click', () => act(line.row));
  line.append(element('td', { className: 'act' }, button));
  return line;
}

function update(line, row, now, mayAct) {
  line.row = row;
  line.dataset.id = row.id;
  COLUMNS.forEach((column, place) => {
    const cell = line.children[place];
    if (column.text) {
      write(cell, column.text(row, now));
    } else {
      fills(cell, row.limits);
    }
  });
  const [who, , , state, messagesIn, bytesIn, messagesOut, bytesOut] = line.children;
  who.title = row.issuer ? visible(`${row.subject} of ${row.issuer}`) : `connection ${row.id}`;
  who.classList.toggle('anonymous', row.subject === null);
  state.dataset.state = row.state;
  messagesIn.title = `${count(row.messages_in)} in total`;
  bytesIn.title = `${bytes(row.bytes_in)} in total`;
  messagesOut.title = `${count(row.messages_out)} in total`;
  bytesOut.title = `${bytes(row.bytes_out)} in total`;
  const ending = line.children[COLUMNS.length - 1];
  ending.title = row.expires_at_ms === null ? '' : clock(row.expires_at_ms);
  line.children[9].classList.toggle('used-up', row.quota_left === 0);
  const button = line.lastElementChild.firstElementChild;
  button.hidden = !mayAct;
  button.setAttribute('aria-label', `Act on connection ${row.id}`);
}

// The limits that a connection counts against, as `live/max`.
function fills(cell, limits) {
  if (limits.length === 0) {
    cell.replaceChildren(NONE);
    return;
  }
  if (!cell.firstElementChild) {
    cell.replaceChildren();
  }
  fill(cell, limits, () => element('span', { className: 'fill' }), (item, limit) => {
    write(item, `${count(limit.live)}/${count(limit.max)}`);
    item.title = `${limit.name}: ${limit.live} of ${limit.max} for the ${limit.scope === 'client_ip' ? 'address' : 'subject'}`;
    item.classList.toggle('full', limit.live >= limit.max);
  });
}
