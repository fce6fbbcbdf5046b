// A line chart: axes, lines, a legend, and a cursor that shows values.

import { SPAN } from "./series.js";

const SVG = "http://www.w3.org/2000/svg";
/** The number of colours. Further lines are combined into one. */
const COLOURS = 6;
const OTHERS = "others";
const [LEFT, RIGHT, TOP, BOTTOM] = [40, 6, 8, 20];

function svg(name, attributes, text) {
  const element = document.createElementNS(SVG, name);
  for (const [attribute, value] of Object.entries(attributes)) element.setAttribute(attribute, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

/** The next round number. */
function ceiling(value) {
  const unit = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 4, 5, 10].find((step) => step * unit >= value) * unit;
}

export class Chart {
  #title;
  #format;
  #least;
  #image = svg("svg", { role: "img" });
  #legend = document.createElement("ul");
  #points = [];
  /** The names with a colour: fixed ones first, then others in order of appearance. */
  #names;
  /** The position of the pointer. */
  #pointer;

  /** `least` is the minimum height of the axis; `names` are the names with fixed colours. */
  constructor({ title, unit, format, least, names = [] }) {
    [this.#title, this.#format, this.#least, this.#names] = [title, format, least, [...names]];
    this.#image.addEventListener("pointermove", (event) => this.#point(event.offsetX));
    this.#image.addEventListener("pointerleave", () => this.#point(undefined));
    this.#legend.className = "legend";
    this.element = document.createElement("figure");
    const heading = document.createElement("h2");
    const small = document.createElement("small");
    small.textContent = unit;
    heading.append(`${title} `, small);
    this.element.append(heading, this.#image, this.#legend);
    new ResizeObserver(() => this.#draw()).observe(this.#image);
  }

  /** Shows points in time, each with values by name. */
  show(points) {
    for (const name of points.flatMap((point) => [...point.values.keys()].sort())) {
      if (!this.#names.includes(name)) this.#names.push(name);
    }
    this.#points = points.map(({ time, values }) => ({ time, values: this.#folded(values) }));
    this.#draw();
  }

  #folded(values) {
    const folded = new Map();
    for (const [name, value] of values) {
      const of = this.#names.indexOf(name) < COLOURS ? name : OTHERS;
      folded.set(of, (folded.get(of) ?? 0) + value);
    }
    return folded;
  }

  #lines() {
    const names = this.#names.slice(0, COLOURS);
    return this.#names.length > COLOURS ? [...names, OTHERS] : names;
  }

  #point(x) {
    this.#pointer = x;
    this.#draw();
  }

  #draw() {
    const { clientWidth: width, clientHeight: height } = this.#image;
    if (!width) return;
    const now = this.#points.at(-1)?.time ?? 0;
    const most = ceiling(Math.max(this.#least, ...this.#points.flatMap((point) => [...point.values.values()])));
    const x = (time) => LEFT + (1 - (now - time) / SPAN) * (width - LEFT - RIGHT);
    const y = (value) => TOP + (1 - value / most) * (height - TOP - BOTTOM);
    const at = this.#read(x);
    this.#image.replaceChildren(
      ...this.#axes(width, height, most, y),
      ...this.#lines().map((name, colour) => this.#line(name, colour, x, y)),
      ...(at && this.#pointer !== undefined
        ? [svg("line", { class: "cursor", x1: x(at.time), x2: x(at.time), y1: TOP, y2: height - BOTTOM })]
        : []),
    );
    if (!this.#points.some((point) => point.values.size)) {
      this.#image.append(svg("text", { class: "empty", x: width / 2, y: height / 2 - 6 }, "nothing yet"));
    }
    this.#label(at);
  }

  /** The point under the pointer, or the last one. */
  #read(x) {
    if (this.#pointer === undefined) return this.#points.at(-1);
    const distance = (point) => Math.abs(x(point.time) - this.#pointer);
    return this.#points.reduce((best, point) => (!best || distance(point) < distance(best) ? point : best), undefined);
  }

  #axes(width, height, most, y) {
    const rows = [0, 0.5, 1].flatMap((part) => [
      svg("line", { class: part ? "grid" : "base", x1: LEFT, x2: width - RIGHT, y1: y(part * most), y2: y(part * most) }),
      svg("text", { x: LEFT - 6, y: y(part * most) + 4, "text-anchor": "end" }, this.#format(part * most)),
    ]);
    const times = [
      svg("text", { x: LEFT, y: height - 4 }, `${SPAN / 60} min ago`),
      svg("text", { x: width - RIGHT, y: height - 4, "text-anchor": "end" }, "now"),
    ];
    return [...rows, ...times];
  }

  #line(name, colour, x, y) {
    const there = this.#points.filter((point) => point.values.has(name));
    const points = there.map((point) => `${x(point.time).toFixed(1)},${y(point.values.get(name)).toFixed(1)}`);
    return svg("polyline", { class: `series c${colour}`, points: points.join(" ") });
  }

  #label(at) {
    const values = this.#lines().map((name) => [name, this.#format(at?.values.get(name) ?? 0)]);
    this.#legend.replaceChildren(
      ...values.map(([name, value], colour) => {
        const [item, key, number] = ["li", "i", "b"].map((tag) => document.createElement(tag));
        key.className = `c${colour}`;
        number.textContent = value;
        item.append(key, name, number);
        return item;
      }),
    );
    this.#image.setAttribute("aria-label", `${this.#title}: ${values.map((pair) => pair.join(" ")).join(", ") || "nothing yet"}`);
  }
}
