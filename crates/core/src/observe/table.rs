//! The table of metrics, as data.
//!
//! Labels are closed sets, so that no peer can create a time series: a close code that is not registered is `3xxx` or
//! `4xxx`, and refusals are counted by kind. A test in `tests/interop` produces each value and compares what was
//! recorded with this table.

use metrics::Unit;

use crate::refusal::Kind as Kinds;

/// What a metric is.
///
/// This enum is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// A distribution.
    Histogram,
}

/// A label of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Label {
    /// Its name.
    pub name: &'static str,
    /// Its possible values, except the kinds of your own refusals and the names of your own policies.
    pub values: &'static [&'static str],
}

/// A metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// Whether it is a counter, a gauge or a histogram.
    pub kind: Kind,
    /// The unit of its values.
    pub unit: Unit,
    /// Its labels, all of which every sample has.
    pub labels: &'static [Label],
    /// One sentence.
    pub help: &'static str,
}

pub(super) const HANDSHAKES: &str = "portcullis_handshakes_total";
pub(super) const PLAIN_REFUSALS: &str = "portcullis_plain_refusals_total";
pub(super) const CONNECTIONS: &str = "portcullis_connections";
pub(super) const CLOSES: &str = "portcullis_closes_total";
pub(super) const DURATION: &str = "portcullis_connection_duration_seconds";
pub(super) const MESSAGES: &str = "portcullis_messages_total";
pub(super) const BYTES: &str = "portcullis_bytes_total";
pub(super) const VIOLATIONS: &str = "portcullis_violations_total";
pub(super) const ROUND_TRIP: &str = "portcullis_round_trip_seconds";
pub(super) const CLOSING_TASKS: &str = "portcullis_closing_tasks";

/// All metrics of Portcullis, in the order of the [table](super#metrics).
///
/// ```
/// use portcullis_core::observe::{Kind, METRICS};
///
/// let closes = METRICS.iter().find(|metric| metric.name == "portcullis_closes_total").unwrap();
/// assert_eq!(closes.kind, Kind::Counter);
/// assert_eq!(closes.labels[1].name, "by");
/// assert_eq!(closes.labels[1].values, ["peer", "handler", "guard", "transport"]);
///
/// // How many time series there are at most, which is what a monitoring system pays for.
/// let series = |metric: &portcullis_core::observe::Metric| {
///     metric.labels.iter().map(|label| label.values.len()).product::<usize>()
/// };
/// assert!(METRICS.iter().map(series).sum::<usize>() < 1000);
/// ```
pub const METRICS: &[Metric] = &[
    Metric {
        name: HANDSHAKES,
        kind: Kind::Counter,
        unit: Unit::Count,
        labels: &[Label { name: "outcome", values: OUTCOMES }, Label { name: "reason", values: REASONS }],
        help: "WebSocket handshakes, by what became of them and why.",
    },
    Metric {
        name: PLAIN_REFUSALS,
        kind: Kind::Counter,
        unit: Unit::Count,
        labels: &[Label { name: "outcome", values: REFUSALS }, Label { name: "reason", values: REASONS }],
        help: "Refused requests that are not WebSocket handshakes, by why.",
    },
    Metric {
        name: CONNECTIONS,
        kind: Kind::Gauge,
        unit: Unit::Count,
        labels: &[],
        help: "Live WebSocket connections, their closing handshakes included.",
    },
    Metric {
        name: CLOSES,
        kind: Kind::Counter,
        unit: Unit::Count,
        labels: &[Label { name: "code", values: CODES }, Label { name: "by", values: BY }],
        help: "Ends of WebSocket connections, by close code and by who closed first.",
    },
    Metric {
        name: DURATION,
        kind: Kind::Histogram,
        unit: Unit::Seconds,
        labels: &[],
        help: "How long WebSocket connections lived.",
    },
    Metric {
        name: MESSAGES,
        kind: Kind::Counter,
        unit: Unit::Count,
        labels: DIRECTION,
        help: "WebSocket messages that were delivered (in) and sent (out).",
    },
    Metric {
        name: BYTES,
        kind: Kind::Counter,
        unit: Unit::Bytes,
        labels: DIRECTION,
        help: "Bytes of WebSocket frames that were delivered (in) and sent (out), headers included.",
    },
    Metric {
        name: VIOLATIONS,
        kind: Kind::Counter,
        unit: Unit::Count,
        labels: &[Label { name: "policy", values: POLICIES }, Label { name: "action", values: ACTIONS }],
        help: "What policies did to frames and connections.",
    },
    Metric {
        name: ROUND_TRIP,
        kind: Kind::Histogram,
        unit: Unit::Seconds,
        labels: &[],
        help: "How long peers took to answer a ping.",
    },
    Metric {
        name: CLOSING_TASKS,
        kind: Kind::Gauge,
        unit: Unit::Count,
        labels: &[],
        help: "Closing handshakes that are being waited for.",
    },
];

const OUTCOMES: &[&str] = &["upgraded", "refused", "failed", "would_refuse"];
const REFUSALS: &[&str] = &["refused", "would_refuse"];

/// What refuses or fails without a refusal's kind.
const OTHER_REASONS: [&str; 6] = ["none", "handler", "error", "panic", "cancelled", "upgrade"];

/// These, and the kinds of refusals.
const REASONS: &[&str] = &{
    let mut reasons = [""; OTHER_REASONS.len() + Kinds::ALL.len()];
    let mut at = 0;
    while at < reasons.len() {
        let kind = at.checked_sub(OTHER_REASONS.len());
        reasons[at] = match kind {
            Some(kind) => Kinds::ALL[kind].as_str(),
            None => OTHER_REASONS[at],
        };
        at += 1;
    }
    reasons
};

#[rustfmt::skip]
const CODES: &[&str] = &[
    "1000", "1001", "1002", "1003", "1005", "1006", "1007", "1008", "1009", "1010", "1011", "1012", "1013", "1014",
    "3000", "3003", "3008", "3xxx", "4xxx",
];

const BY: &[&str] = &["peer", "handler", "guard", "transport"];
const DIRECTION: &[Label] = &[Label { name: "direction", values: &["in", "out"] }];

#[rustfmt::skip]
const POLICIES: &[&str] = &[
    "framing", "first_message", "policy",
    "connection_limit", "idle_timeout", "keep_alive", "max_age", "message_rate", "message_size", "session",
    "write_timeout",
];

const ACTIONS: &[&str] = &["close", "abort", "drop", "delay", "report"];

/// Describes each metric to the installed recorder, with its unit and a sentence of help. Call it once, after the
/// recorder is installed.
pub fn describe() {
    for metric in METRICS {
        let Metric { name, unit, help, .. } = *metric;
        match metric.kind {
            Kind::Counter => metrics::describe_counter!(name, unit, help),
            Kind::Gauge => metrics::describe_gauge!(name, unit, help),
            Kind::Histogram => metrics::describe_histogram!(name, unit, help),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A row of the documentation.
    fn row(metric: &Metric) -> String {
        let kind = format!("{:?}", metric.kind).to_lowercase();
        let labels: Vec<_> = metric.labels.iter().map(|label| format!("`{}`", label.name)).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{} ", labels.join(", ")) };
        format!("//! | `{}` | {kind} | {} | {labels}|", metric.name, metric.unit.as_str())
    }

    #[test]
    fn the_documented_table_is_this_one() {
        let documented: Vec<_> = include_str!("mod.rs").lines().filter(|line| line.starts_with("//! | `")).collect();
        let rows: Vec<_> = METRICS.iter().map(row).collect();
        assert_eq!(documented, rows);
    }

    #[test]
    fn no_value_is_listed_twice() {
        for label in METRICS.iter().flat_map(|metric| metric.labels) {
            for (at, value) in label.values.iter().enumerate() {
                assert!(!label.values[..at].contains(value), "{} {value}", label.name);
            }
        }
    }
}
