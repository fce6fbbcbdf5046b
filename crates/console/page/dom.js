// Elements and numbers. Text is only ever inserted as text, never as markup.

export const at = (id) => document.getElementById(id);

// An element with properties and children. Whatever is not an element becomes text.
export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [property, value] of Object.entries(properties)) {
    if (property === 'data') {
      Object.assign(made.dataset, value);
    } else if (property.startsWith('aria-') || property === 'role' || property === 'colspan') {
      made.setAttribute(property, value);
    } else {
      made[property] = value;
    }
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

// Sets the text of a node, if it changed: an untouched node needs no new layout.
export function write(node, text) {
  const wanted = String(text ?? '');
  if (node.textContent !== wanted) {
    node.textContent = wanted;
  }
}

// Makes as many children as there are values, reusing existing ones, and calls `update` for each.
export function fill(parent, values, make, update) {
  while (parent.children.length > values.length) {
    parent.lastElementChild.remove();
  }
  while (parent.children.length < values.length) {
    parent.append(make());
  }
  values.forEach((value, place) => update(parent.children[place], value));
}

const whole = new Intl.NumberFormat('en');
const tenths = new Intl.NumberFormat('en', { minimumFractionDigits: 1, maximumFractionDigits: 1 });

export const count = (number) => whole.format(number);

// A rate per second, with tenths only if it is small.
export function rate(number) {
  if (number === 0) {
    return '0';
  }
  return number < 10 ? tenths.format(number) : short(number);
}

export function short(number) {
  for (const [size, unit] of [[1e9, 'G'], [1e6, 'M'], [1e4, 'k']]) {
    if (number >= size) {
      const scaled = number / (size === 1e4 ? 1e3 : size);
      return `${scaled < 100 ? tenths.format(scaled) : whole.format(Math.round(scaled))}${unit}`;
    }
  }
  return whole.format(Math.round(number));
}

export function bytes(number) {
  for (const [size, unit] of [[1e9, 'GB'], [1e6, 'MB'], [1e3, 'kB']]) {
    if (number >= size) {
      return `${tenths.format(number / size)} ${unit}`;
    }
  }
  return `${whole.format(Math.round(number))} B`;
}

// A duration in its two largest units.
export function duration(milliseconds) {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 60) {
    return `${seconds}s`;
  }
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) {
    return `${minutes}m ${seconds % 60}s`;
  }
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours}h ${minutes % 60}m` : `${Math.floor(hours / 24)}d ${hours % 24}h`;
}

// Text that a peer may have written. Control and formatting characters, which could hide or reorder the text around
// them, are escaped.
export function visible(text) {
  const escaped = (mark) => `\\u{${mark.codePointAt(0).toString(16)}}`;
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, escaped);
}

export const clock = (milliseconds) => new Date(milliseconds).toLocaleTimeString('en-GB');

export const words = (kind) => kind.replaceAll('_', ' ');
