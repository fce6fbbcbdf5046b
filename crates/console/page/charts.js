// Bar charts of the last sixty minutes, as SVG.

import { count, element, fill, words, write } from './dom.js';

const SVG = 'http://www.w3.org/2000/svg';
const MINUTES = 60;
const STEP = 10;
const HEIGHT = 72;
// The number of kinds with a colour of their own; the others share one.
const KINDS = 5;

function shape(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [attribute, value] of Object.entries(attributes)) {
    made.setAttribute(attribute, value);
  }
  return made;
}

// The parts that are created once: an SVG, its scale, and a legend.
function canvas(figure) {
  const svg = shape('svg', { viewBox: `0 0 ${MINUTES * STEP} ${HEIGHT}`, preserveAspectRatio: 'none', role: 'img' });
  const top = element('span', { className: 'top-value' });
  const plot = element('div', { className: 'plot' }, svg, top);
  const scale = element('div', { className: 'scale' }, element('span', {}, '60 min ago'), element('span', {}, 'now'));
  const legend = element('ul', { className: 'legend' });
  figure.append(plot, scale, legend);
  return { svg, top, legend };
}

const canvases = new WeakMap();

// The most frequent kinds, and all others combined.
function together(kinds) {
  const own = kinds.slice(0, kinds.length > KINDS + 1 ? KINDS : KINDS + 1);
  const others = kinds.slice(own.length);
  if (others.length === 0) {
    return own;
  }
  const minutes = Array.from({ length: MINUTES }, (_, minute) =>
    others.reduce((sum, kind) => sum + kind.minutes[minute], 0));
  const total = others.reduce((sum, kind) => sum + kind.total, 0);
  return [...own, { name: `${others.length} others`, total, minutes }];
}

// Draws a stacked chart of kinds: `{ name, total, minutes }`, the most frequent first.
export function stack(figure, kinds, label) {
  if (!canvases.has(figure)) {
    canvases.set(figure, canvas(figure));
  }
  const { svg, top, legend } = canvases.get(figure);
  const shown = together(kinds);
  const sums = Array.from({ length: MINUTES }, (_, minute) => shown.reduce((sum, kind) => sum + kind.minutes[minute], 0));
  const highest = Math.max(...sums, 1);
  svg.setAttribute('aria-label', `${label}: ${count(sums.reduce((sum, one) => sum + one, 0))} in an hour`);
  write(top, sums.some((sum) => sum > 0) ? count(highest) : '');
  svg.replaceChildren(shape('line', { class: 'ground', x1: 0, x2: MINUTES * STEP, y1: HEIGHT - 0.5, y2: HEIGHT - 0.5 }));
  sums.forEach((sum, minute) => {
    if (sum > 0) {
      svg.append(bar(shown, minute, highest));
    }
  });
  fill(legend, shown.filter((kind) => kind.total !== null), () => key(), (item, kind) => {
    const [swatch, name, total] = item.children;
    swatch.setAttribute('class', `swatch c${shown.indexOf(kind)}`);
    write(name, kind.name);
    write(total, count(kind.total));
  });
}

function bar(shown, minute, highest) {
  const group = shape('g', {});
  const title = shape('title', {});
  const ago = MINUTES - 1 - minute;
  const parts = shown.filter((kind) => kind.minutes[minute] > 0);
  title.textContent = `${ago === 0 ? 'this minute' : `${ago} min ago`}: ${parts
    .map((kind) => `${count(kind.minutes[minute])} ${kind.name}`).join(', ')}`;
  group.append(title);
  let y = HEIGHT;
  for (const kind of parts) {
    const height = Math.max((kind.minutes[minute] / highest) * (HEIGHT - 2), 1.5);
    y -= height;
    const place = { x: minute * STEP + 1, y: Math.max(y, 0), width: STEP - 2, height };
    group.append(shape('rect', { class: `c${shown.indexOf(kind)}`, ...place }));
  }
  return group;
}

function key() {
  return element('li', {}, element('span'), element('span', { className: 'name' }), element('span', { className: 'number' }));
}

// Gives the kinds in a response names to show.
export function named(kinds) {
  return kinds.map(({ kind, by, total, minutes }) => ({ name: by ? `${words(kind)} by ${by}` : words(kind), total, minutes }));
}
