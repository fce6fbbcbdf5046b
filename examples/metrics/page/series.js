// The samples read from /metrics, and the series computed from them.

/** The window of rates, in seconds. */
const WINDOW = 15;
/** The window of distributions, in seconds. */
const RECENT = 60;
/** The span that is plotted, in seconds. */
export const SPAN = 120;

const SAMPLE = /^([a-z_]+)(?:\{(.*)\})? (\S+)$/;

/** Parses Prometheus' text format into samples: name, labels and value. */
function parse(text) {
  const samples = [];
  for (const line of text.split("\n")) {
    const found = SAMPLE.exec(line);
    if (!found) continue;
    const labels = {};
    for (const [, name, value] of (found[2] ?? "").matchAll(/([a-z_]+)="([^"]*)"/g)) labels[name] = value;
    samples.push({ name: found[1], labels, value: Number(found[3]) });
  }
  return samples;
}

export class History {
  /** The samples that were read, and when, in seconds; oldest first. */
  #pages = [];

  add(text, time) {
    this.#pages.push({ time, samples: parse(text) });
    this.#pages = this.#pages.filter((page) => page.time > time - SPAN - RECENT);
  }

  get now() {
    return this.#pages.at(-1)?.time ?? 0;
  }

  /** The current sum of a metric's samples. */
  total(name, wanted = () => true) {
    return [...sums(this.#pages.at(-1), name, () => "", wanted).values()][0] ?? 0;
  }

  /** A gauge over time. */
  gauge(name, key) {
    return this.#points().map((page) => ({ time: page.time, values: sums(page, name, () => key) }));
  }

  /** The rate of a counter per second, grouped by `key`. */
  rates(name, key, wanted = () => true) {
    return this.#points().map((page) => {
      const since = this.#before(page.time - WINDOW);
      const [old, young] = [sums(since, name, key, wanted), sums(page, name, key, wanted)];
      const seconds = Math.max(page.time - since.time, 1);
      const grown = [...young].map(([of, value]) => [of, Math.max(value - (old.get(of) ?? 0), 0) / seconds]);
      return { time: page.time, values: new Map(grown) };
    });
  }

  /** Quantiles of a distribution. */
  quantiles(name, quantiles) {
    const key = (labels) => labels.le;
    return this.#points().map((page) => {
      const old = sums(this.#before(page.time - RECENT), `${name}_bucket`, key);
      const young = sums(page, `${name}_bucket`, key);
      const buckets = [...young].map(([le, count]) => ({ le: Number(le.replace("+Inf", "Infinity")), count: count - (old.get(le) ?? 0) }));
      buckets.sort((one, other) => one.le - other.le);
      const values = quantiles.map((q) => [`p${q * 100}`, quantile(buckets, q)]);
      return { time: page.time, values: new Map(values.filter(([, value]) => value !== undefined)) };
    });
  }

  #points() {
    return this.#pages.filter((page) => page.time > this.now - SPAN);
  }

  /** The last page before or at a time, or the first one. */
  #before(time) {
    return this.#pages.findLast((page) => page.time <= time) ?? this.#pages[0];
  }
}

/** The sums of a metric's samples, grouped by `key`. */
function sums(page, name, key, wanted = () => true) {
  const sums = new Map();
  for (const sample of page?.samples ?? []) {
    if (sample.name !== name || !wanted(sample.labels)) continue;
    const of = key(sample.labels);
    sums.set(of, (sums.get(of) ?? 0) + sample.value);
  }
  return sums;
}

/** As in Prometheus: values are evenly distributed within a bucket. */
function quantile(buckets, q) {
  const rank = q * (buckets.at(-1)?.count ?? 0);
  if (rank === 0) return undefined;
  const at = buckets.findIndex((bucket) => bucket.count >= rank);
  const below = buckets[at - 1] ?? { le: 0, count: 0 };
  if (buckets[at].le === Infinity) return below.le;
  return below.le + ((buckets[at].le - below.le) * (rank - below.count)) / (buckets[at].count - below.count);
}
