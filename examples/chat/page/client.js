// The chat's connection: each gets a token, which is renewed before it expires.

import { Reconnecting, Refused } from './reconnect.js';

const LONGEST = 60;
const RENEW_AHEAD = 20;

/** Requests a token that is valid for `seconds`. */
export async function issue(name, seconds = LONGEST) {
  const response = await fetch('/session', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name, seconds }),
  });
  if (response.status >= 400 && response.status < 500) throw new Refused(await response.text());
  if (!response.ok) throw new Error(`status ${response.status}`);
  return (await response.json()).token;
}

/** Opens a WebSocket. A subprotocol is the only header that a script can choose: the token travels there. */
export function open(room, token) {
  const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
  return new WebSocket(`${scheme}://${location.host}/ws/${encodeURIComponent(room)}`, ['bearer', token]);
}

/** Calls `listener.state(state, detail)`, `listener.event(object)` and `listener.closed(code, reason, then)`. */
export class Client {
  #listener;
  #socket;
  /** The lifetime of the next token. One that is shorter than usual is not renewed. */
  #seconds = LONGEST;
  #renews = true;
  #renewal = 0;
  name = '';
  room = '';

  constructor(listener) {
    this.#listener = listener;
    this.#socket = new Reconnecting(() => this.#open(), {
      state: (state, detail) => this.#state(state, detail),
      message: (data) => listener.event(JSON.parse(data)),
      closed: (code, reason, then) => listener.closed(code, reason, then),
    });
  }

  /** Enters a room, leaving the current one. */
  enter(name, room, seconds = LONGEST) {
    Object.assign(this, { name, room });
    this.#seconds = seconds;
    this.#socket.start();
  }

  /** Reconnects, with a token that is valid for `seconds` and not renewed if that is less than usual. */
  again(seconds = LONGEST) {
    this.enter(this.name, this.room, seconds);
  }

  leave() {
    this.#socket.stop();
    this.#state('out');
  }

  /** Sends an object as JSON. Returns whether the connection is open. */
  send(object) {
    return this.#socket.send(JSON.stringify(object));
  }

  async #open() {
    const seconds = this.#seconds;
    this.#seconds = LONGEST;
    this.#renews = seconds === LONGEST;
    return open(this.room, await issue(this.name, seconds));
  }

  #state(state, detail) {
    clearTimeout(this.#renewal);
    if (state === 'open' && this.#renews) this.#renewLater();
    this.#listener.state(state, detail);
  }

  /** Renews the token before it expires. If that fails, the connection is closed when the old one expires. */
  #renewLater() {
    const renewal = setTimeout(async () => {
      try {
        const token = await issue(this.name);
        if (renewal === this.#renewal && this.send({ type: 'renew', token })) this.#renewLater();
      } catch (error) {
        console.warn('the token could not be renewed', error);
      }
    }, (LONGEST - RENEW_AHEAD) * 1000);
    this.#renewal = renewal;
  }
}
