// Rendering. What users typed becomes text, never markup.

import { meaning, tone } from './codes.js';

const MOST_MESSAGES = 200;
const MOST_CLOSES = 40;

/** An element with attributes and children; a string is a text node. */
export function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** A close code as a badge. */
export function badge(code) {
  const none = code === null;
  return element('span', { class: 'code', 'data-tone': none ? 'calm' : tone(code) }, none ? '–' : String(code));
}

/** Appends an item, and removes the oldest ones beyond `most`. */
function append(list, item, most) {
  list.append(item);
  while (list.childElementCount > most) list.firstElementChild.remove();
}

/** Keeps a list scrolled to its end when items are added or the list is resized. */
export function keepAtEnd(list) {
  let there = true;
  let before = 0;
  const settle = () => {
    if (there) list.scrollTop = list.scrollHeight;
  };
  list.addEventListener('scroll', () => {
    // Resizing moves the end, too: only scrolling up leaves it.
    there = list.scrollHeight - list.scrollTop - list.clientHeight < 40 || (there && list.scrollTop >= before);
    before = list.scrollTop;
  });
  new ResizeObserver(settle).observe(list);
  new MutationObserver(settle).observe(list, { childList: true, subtree: true });
}

const clock = (date) => date.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });

/** A message. */
export function said(list, { name, text, at }, own) {
  const time = element('time', {}, clock(new Date(at * 1000)));
  const head = element('p', { class: 'by' }, element('strong', {}, name), ' ', time);
  append(list, element('li', { 'data-own': String(own) }, head, element('p', {}, text)), MOST_MESSAGES);
}

/** The members of the room, each with a button to kick them. */
export function members(list, names, own, kick) {
  const items = names.map((name) => {
    const button = element('button', { type: 'button', 'aria-label': `Kick ${name}`, title: `Kick ${name}` }, 'kick');
    button.addEventListener('click', () => kick(name));
    return element('li', {}, name === own ? `${name} (you)` : name, ' ', button);
  });
  list.replaceChildren(...items);
}

/** The end of a connection. Consecutive equal ones are counted. */
export function closed(list, who, code, reason, then) {
  const key = JSON.stringify([who, code, reason]);
  const last = list.lastElementChild;
  if (last?.dataset.key === key) {
    last.dataset.times = String(Number(last.dataset.times) + 1);
    last.querySelector('.times').textContent = `× ${last.dataset.times}`;
    return;
  }
  const times = element('span', { class: 'times' });
  const head = element('p', {}, badge(code), ' ', element('strong', {}, meaning(code)), ' ', times);
  const facts = [who, reason ? `“${reason}”` : 'no reason given', then].filter(Boolean).join(' · ');
  const item = element('li', { 'data-code': String(code) }, head, element('p', { class: 'hint' }, facts));
  Object.assign(item.dataset, { key, times: '1', who });
  append(list, item, MOST_CLOSES);
}
