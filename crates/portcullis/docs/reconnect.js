// A WebSocket that reconnects as its close codes advise. No dependencies: copy it.
//
//   const socket = new Reconnecting(
//     async () => new WebSocket('/ws', ['bearer', await freshToken()]),
//     { state: show, message: receive, closed: log },
//   );
//   socket.start();
//
// - 3000 "token expired": reconnects at once; `connect` should get a new token. The second time in a row it waits,
//   because a new token that has already expired means that a clock is wrong.
// - Codes that mean "later" (1001, 1005, 1006, 1011 to 1014, 3008): waits, twice as long each time up to 30 s. Half of
//   the delay is random, so that the clients of a restarting server do not all come back at once. Waits at least as
//   long as "retry after 5 s" at the end of the reason says: a page cannot read the header `Retry-After`.
// - All other codes: stops. 1008 means that this client did something wrong, and would do it again.
// - A connection counts as established with its first message, not when it opens: a handshake that is refused with a
//   close code opens first, too. Have the server send a greeting.

const RETRY = new Set([1001, 1005, 1006, 1011, 1012, 1013, 1014, 3008]);
const FIRST_WAIT = 1_000;
const LONGEST_WAIT = 30_000;
/** After a connection that lived longer than this, delays start short again. */
const STEADY = 5_000;

/** What to do: `refresh` the token, `retry` after at least `wait` seconds, or `stop` until the user asks. */
export function advise(code, reason) {
  if (code === 3000 && reason === 'token expired') {
    return { act: 'refresh', wait: 0, then: 'asking for a new token' };
  }
  if (RETRY.has(code)) {
    const seconds = /retry after (\d{1,4}) s$/.exec(reason);
    return { act: 'retry', wait: seconds ? Number(seconds[1]) : 0, then: 'waiting, then trying again' };
  }
  return { act: 'stop', wait: 0, then: 'not reconnecting by itself' };
}

/** How many milliseconds to wait before an attempt, if the reason said "retry after" `seconds`. */
export function backoff(attempt, seconds, random = Math.random()) {
  const most = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** attempt);
  return seconds * 1000 + most * (0.5 + random / 2);
}

/** `connect` throws it if retrying would not help, such as when the user may not sign in. */
export class Refused extends Error {}

/**
 * Keeps a WebSocket connected, which the async function `connect` opens. Calls `listener.state(state, detail)`, with
 * `connecting`, `open`, `waiting` (until a time) or `stopped` (for a reason); `listener.message(data)`; and
 * `listener.closed(code, reason, then)`.
 */
export class Reconnecting {
  #connect;
  #listener;
  #socket = null;
  /** Counts attempts, so that an abandoned one does not continue. */
  #run = 0;
  #attempt = 0;
  #timer = 0;

  constructor(connect, listener) {
    this.#connect = connect;
    this.#listener = listener;
  }

  /** Connects, replacing an existing connection. */
  start() {
    this.stop();
    this.#attempt = 0;
    this.#begin();
  }

  /** Closes, and does not reconnect. */
  stop() {
    this.#run += 1;
    clearTimeout(this.#timer);
    this.#socket?.close(1000);
    this.#socket = null;
  }

  /** Returns whether it could send. */
  send(data) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(data);
    return true;
  }

  async #begin() {
    const run = (this.#run += 1);
    this.#listener.state('connecting');
    try {
      const socket = await this.#connect();
      if (run === this.#run) this.#watch(socket);
      else socket.close(1000);
    } catch (error) {
      if (run !== this.#run) return;
      if (error instanceof Refused) this.#listener.state('stopped', error.message);
      else this.#retry(0);
    }
  }

  #watch(socket) {
    let since = null;
    this.#socket = socket;
    socket.addEventListener('message', ({ data }) => {
      if (socket !== this.#socket) return;
      if (since === null) {
        since = Date.now();
        this.#listener.state('open');
      }
      this.#listener.message(data);
    });
    socket.addEventListener('close', ({ code, reason }) => {
      if (socket !== this.#socket) return;
      this.#socket = null;
      if (since !== null && Date.now() - since > STEADY) this.#attempt = 0;
      this.#closed(code, reason);
    });
  }

  #closed(code, reason) {
    const { act, wait, then } = advise(code, reason);
    this.#listener.closed(code, reason, then);
    if (act === 'stop') return this.#listener.state('stopped', reason);
    if (act === 'refresh' && this.#attempt === 0) {
      this.#attempt += 1;
      return this.#begin();
    }
    this.#retry(wait);
  }

  #retry(seconds) {
    const wait = backoff(this.#attempt, seconds);
    this.#attempt += 1;
    this.#listener.state('waiting', Date.now() + wait);
    this.#timer = setTimeout(() => this.#begin(), wait);
  }
}
