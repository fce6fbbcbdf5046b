// The meaning of close codes.

import { advise } from './reconnect.js';

const MEANINGS = new Map([
  [1000, 'normal closure'],
  [1001, 'going away'],
  [1002, 'protocol error'],
  [1003, 'unsupported data'],
  [1005, 'no code given'],
  [1006, 'abnormal closure, never sent; the browser gives no details'],
  [1007, 'invalid payload'],
  [1008, 'policy violation'],
  [1009, 'message too big'],
  [1011, 'internal error'],
  [1012, 'service restart'],
  [1013, 'try again later'],
  [1014, 'bad gateway'],
  [3000, 'unauthorized'],
  [3003, 'forbidden'],
  [3008, 'timeout'],
]);

/** The registered meaning of a close code. */
export function meaning(code) {
  return MEANINGS.get(code) ?? (code >= 4000 ? 'private use: the application’s own' : 'not registered');
}

/** The kind of close, for the style sheet. */
export function tone(code) {
  if (code === 1000) return 'calm';
  if (code === 3000) return 'token';
  return advise(code, '').act === 'retry' ? 'later' : 'stop';
}
