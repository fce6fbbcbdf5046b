//! A page of connections.

use std::time::Duration;

use portcullis_core::Connection;
use serde::Serialize;

use super::millis;
use crate::{
    mask::Shown,
    snapshot::{Query, Rates, Row, Snapshot},
    state::State,
};

/// A page of connections.
#[derive(Serialize)]
pub(crate) struct Connections {
    /// When the snapshot was taken.
    at_ms: u64,
    /// How many connections there are.
    total: usize,
    /// How many the query matches.
    matched: usize,
    offset: usize,
    rows: Vec<ConnectionRow>,
}

/// A connection.
#[derive(Serialize)]
struct ConnectionRow {
    id: String,
    subject: Option<String>,
    issuer: Option<String>,
    client_ip: Option<String>,
    state: &'static str,
    age_ms: u64,
    messages_in: u64,
    messages_out: u64,
    bytes_in: u64,
    bytes_out: u64,
    per_second: Option<PerSecond>,
    round_trip_ms: Option<f64>,
    dropped: u64,
    quota_left: Option<u64>,
    violations: u64,
    expires_at_ms: Option<u64>,
    limits: Vec<Fills>,
}

/// Messages and bytes per second.
#[derive(Serialize)]
pub(super) struct PerSecond {
    messages_in: f64,
    messages_out: f64,
    bytes_in: f64,
    bytes_out: f64,
}

/// A limit that a connection counts against.
#[derive(Serialize)]
pub(crate) struct Fills {
    pub(crate) name: String,
    pub(crate) scope: &'static str,
    pub(crate) live: usize,
    pub(crate) max: usize,
}

impl From<Rates> for PerSecond {
    fn from(rates: Rates) -> Self {
        let tenths = |rate: f32| (f64::from(rate) * 10.0).round() / 10.0;
        Self {
            messages_in: tenths(rates.messages_in),
            messages_out: tenths(rates.messages_out),
            bytes_in: tenths(rates.bytes_in),
            bytes_out: tenths(rates.bytes_out),
        }
    }
}

/// Shows a page. What has to be looked up per connection is looked up for these rows only.
pub(crate) fn connections(state: &State, snapshot: &Snapshot, query: &Query) -> Connections {
    let (matched, page) = snapshot.select(query, &state.settings.mask);
    let places = page.into_iter();
    Connections {
        at_ms: millis(snapshot.time),
        total: snapshot.rows.len(),
        matched,
        offset: query.offset,
        rows: places.map(|place| row(state, snapshot, &snapshot.rows[place])).collect(),
    }
}

fn row(state: &State, snapshot: &Snapshot, row: &Row) -> ConnectionRow {
    let live = state.connections.get(row.id);
    let description = live.as_ref().map(Connection::description).unwrap_or_default();
    let age = snapshot.at.saturating_duration_since(row.started);
    ConnectionRow {
        id: row.id.to_string(),
        subject: row.subject.as_ref().map(Shown::name),
        issuer: row.subject.as_ref().and_then(Shown::issuer).map(str::to_owned),
        client_ip: row.client.map(|client| state.settings.mask.address(client)),
        state: row.state.as_str(),
        age_ms: u64::try_from(age.as_millis()).unwrap_or(u64::MAX),
        messages_in: row.counters.messages_in,
        messages_out: row.counters.messages_out,
        bytes_in: row.counters.bytes_in,
        bytes_out: row.counters.bytes_out,
        per_second: row.rates.map(PerSecond::from),
        round_trip_ms: row.round_trip.map(milliseconds),
        dropped: row.counters.dropped,
        quota_left: description.quota_left,
        violations: description.violations,
        expires_at_ms: description.expires_at.map(millis),
        limits: live.map(|connection| state.fills(&connection)).unwrap_or_default(),
    }
}

fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 10_000.0).round() / 10.0
}
