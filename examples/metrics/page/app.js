// Reads /metrics once a second and plots it.

import { Chart } from "./chart.js";
import { History } from "./series.js";

const history = new History();

const HANDSHAKES = "portcullis_handshakes_total";
const CLOSES = "portcullis_closes_total";
const VIOLATIONS = "portcullis_violations_total";

const plain = (value) => value.toLocaleString("en", { maximumFractionDigits: value < 10 ? 1 : 0 });
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const bytes = (value) => short.format(value);
const seconds = (value) => (value < 1 ? `${plain(value * 1000)} ms` : `${plain(value)} s`);

const QUANTILES = ["p50", "p95"];

/** Known names come first, so that each keeps its colour, even after a reload. */
const CHARTS = [
  {
    title: "Live connections", unit: "", format: plain, least: 10, names: ["live", "closing"],
    read: () => merge(history.gauge("portcullis_connections", "live"), history.gauge("portcullis_closing_tasks", "closing")),
  },
  {
    title: "Handshakes", unit: "a second, by outcome", format: plain, least: 1, names: ["upgraded", "refused", "failed"],
    read: () => history.rates(HANDSHAKES, (labels) => labels.outcome),
  },
  {
    title: "Refused and failed", unit: "a second, by reason", format: plain, least: 1,
    names: ["origin_not_allowed", "too_many_connections", "handshake_rate"],
    read: () => history.rates(HANDSHAKES, (labels) => labels.reason, (labels) => labels.outcome !== "upgraded"),
  },
  {
    title: "Violations", unit: "a second, by policy and action", format: plain, least: 1,
    names: ["message_rate close", "message_size close", "framing close", "keep_alive close", "idle_timeout close"],
    read: () => history.rates(VIOLATIONS, (labels) => `${labels.policy} ${labels.action}`),
  },
  {
    title: "Closes", unit: "a second, by code and side", format: plain, least: 1,
    names: ["1005 peer", "1006 transport", "1008 guard", "1009 guard", "1002 guard", "1011 handler"],
    read: () => history.rates(CLOSES, (labels) => `${labels.code} ${labels.by}`),
  },
  {
    title: "Messages", unit: "a second", format: plain, least: 10, names: ["in", "out"],
    read: () => history.rates("portcullis_messages_total", (labels) => labels.direction),
  },
  {
    title: "Bytes", unit: "a second", format: bytes, least: 1000, names: ["in", "out"],
    read: () => history.rates("portcullis_bytes_total", (labels) => labels.direction),
  },
  {
    title: "Connection duration", unit: "ended in the last minute", format: seconds, least: 1, names: QUANTILES,
    read: () => history.quantiles("portcullis_connection_duration_seconds", [0.5, 0.95]),
  },
  {
    title: "Round trip", unit: "of the last minute's pings", format: seconds, least: 0.001, names: QUANTILES,
    read: () => history.quantiles("portcullis_round_trip_seconds", [0.5, 0.95]),
  },
].map((chart) => ({ ...chart, view: new Chart(chart) }));

const TOTALS = [
  ["Live connections", () => history.total("portcullis_connections")],
  ["Upgraded", () => history.total(HANDSHAKES, (labels) => labels.outcome === "upgraded")],
  ["Refused", () => history.total(HANDSHAKES, (labels) => labels.outcome === "refused")],
  ["Closed by the guard", () => history.total(CLOSES, (labels) => labels.by === "guard")],
  ["Messages in", () => history.total("portcullis_messages_total", (labels) => labels.direction === "in")],
  ["Bytes in", () => history.total("portcullis_bytes_total", (labels) => labels.direction === "in")],
].map(([name, read]) => {
  const [row, term, value] = ["div", "dt", "dd"].map((tag) => document.createElement(tag));
  term.textContent = name;
  row.append(term, value);
  return { row, show: () => (value.textContent = short.format(read())) };
});

document.querySelector("#charts").append(...CHARTS.map((chart) => chart.view.element));
document.querySelector("#totals").append(...TOTALS.map((total) => total.row));

/** Merges two series with the same times. */
function merge(one, other) {
  return one.map(({ time, values }, at) => ({ time, values: new Map([...values, ...other[at].values]) }));
}

const status = document.querySelector("#status");
const calm = [...status.childNodes];

async function read() {
  try {
    const response = await fetch("metrics");
    if (!response.ok) throw new Error(`the server responded with ${response.status}`);
    history.add(await response.text(), performance.now() / 1000);
    for (const chart of CHARTS) chart.view.show(chart.read());
    for (const total of TOTALS) total.show();
    status.replaceChildren(...calm);
    status.className = "";
  } catch (error) {
    status.textContent = `Cannot read /metrics: ${error.message}`;
    status.className = "failed";
  }
}

/** Makes a button start clients. It is disabled while they run. */
function sends(path, time) {
  const button = document.querySelector(`#${path}`);
  button.addEventListener("click", async () => {
    button.disabled = true;
    await fetch(path, { method: "POST", headers: { "x-page": "1" } }).catch(() => {});
    setTimeout(() => (button.disabled = false), time);
  });
}

sends("traffic", 10_000);
sends("attack", 15_000);
await read();
setInterval(read, 1000);
