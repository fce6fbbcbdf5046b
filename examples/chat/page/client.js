// A connection that is kept up as its close codes advise.

import { advise } from './codes.js';

const LONGEST = 60;
const RENEW_AHEAD = 20;
const STEADY = 5_000;
const FIRST_WAIT = 1_000;
const LONGEST_WAIT = 30_000;

/** The server said no: asking again would not help. */
class Refused extends Error {}

/** Asks for a token that lives so many seconds. */
export async function issue(name, seconds = LONGEST) {
  const answer = await fetch('/session', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name, seconds }),
  });
  if (answer.status >= 400 && answer.status < 500) throw new Refused(await answer.text());
  if (!answer.ok) throw new Error(`status ${answer.status}`);
  return (await answer.json()).token;
}

/** Opens a WebSocket. A subprotocol is the only header that a script can choose: the token travels there. */
export function open(room, token) {
  const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
  return new WebSocket(`${scheme}://${location.host}/ws/${encodeURIComponent(room)}`, ['bearer', token]);
}

/** Who waits a random time does not come back at the same moment as everybody else. */
function backoff(attempt, seconds) {
  const most = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** attempt);
  return seconds * 1000 + most * (0.5 + Math.random() / 2);
}

/** Tells `listener.state(state, detail)`, `listener.event(object)` and `listener.closed(code, reason, then)`. */
export class Client {
  #listener;
  #socket = null;
  /** Counts what was begun, so that what was left behind does not go on. */
  #run = 0;
  #attempt = 0;
  #timer = 0;
  name = '';
  room = '';

  constructor(listener) {
    this.#listener = listener;
  }

  /** Comes into a room, from wherever it was. */
  enter(name, room, seconds = LONGEST) {
    this.#drop();
    Object.assign(this, { name, room });
    this.#attempt = 0;
    this.#connect(seconds);
  }

  /** Comes back, with a token that lives so many seconds and is not renewed if that is less than usual. */
  again(seconds = LONGEST) {
    this.enter(this.name, this.room, seconds);
  }

  leave() {
    this.#drop();
    this.#listener.state('out');
  }

  /** Sends an object as JSON. Whether it could. */
  send(object) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(object));
    return true;
  }

  #drop() {
    this.#run += 1;
    clearTimeout(this.#timer);
    this.#socket?.close(1000);
    this.#socket = null;
  }

  async #connect(seconds) {
    const run = (this.#run += 1);
    this.#listener.state('connecting');
    try {
      const token = await issue(this.name, seconds);
      if (run === this.#run) this.#open(token, seconds);
    } catch (error) {
      if (run !== this.#run) return;
      if (error instanceof Refused) this.#stop(error.message);
      else this.#retry(0);
    }
  }

  #open(token, seconds) {
    const socket = open(this.room, token);
    let since = null;
    this.#socket = socket;
    socket.addEventListener('message', ({ data }) => {
      if (socket !== this.#socket) return;
      if (since === null) {
        // A refused handshake opens too, to be closed with a code: only who is spoken to has come in.
        since = Date.now();
        this.#listener.state('open');
        if (seconds === LONGEST) this.#renewLater();
      }
      this.#listener.event(JSON.parse(data));
    });
    socket.addEventListener('close', ({ code, reason }) => {
      if (socket !== this.#socket) return;
      this.#socket = null;
      if (since !== null && Date.now() - since > STEADY) this.#attempt = 0;
      this.#closed(code, reason);
    });
  }

  #closed(code, reason) {
    clearTimeout(this.#timer);
    const { act, wait, then } = advise(code, reason);
    this.#listener.closed(code, reason, then);
    if (act === 'stop') return this.#stop(reason);
    // A new token that is expired too is nothing to ask for at once, again and again.
    if (act === 'refresh' && this.#attempt === 0) {
      this.#attempt += 1;
      return this.#connect(LONGEST);
    }
    this.#retry(wait);
  }

  #stop(reason) {
    this.#listener.state('stopped', reason);
  }

  #retry(seconds) {
    const wait = backoff(this.#attempt, seconds);
    this.#attempt += 1;
    this.#listener.state('waiting', Date.now() + wait);
    this.#timer = setTimeout(() => this.#connect(LONGEST), wait);
  }

  /** Goes on with a newer token before the old one ends. If none is to be had, the end of the old one is the end. */
  #renewLater() {
    const run = this.#run;
    this.#timer = setTimeout(async () => {
      try {
        const token = await issue(this.name);
        if (run === this.#run && this.send({ type: 'renew', token })) this.#renewLater();
      } catch (error) {
        console.warn('no newer token', error);
      }
    }, (LONGEST - RENEW_AHEAD) * 1000);
  }
}
