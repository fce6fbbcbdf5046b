//! Takes a snapshot: reads all connections once.

use std::{
    sync::OnceLock,
    time::{Duration, Instant, SystemTime},
};

use portcullis_core::{Connection, ConnectionState, Connections, clock::now};

use super::{
    holders::{Holders, holders},
    row::{Rates, Row},
};
use crate::mask::Mask;

/// If two snapshots are less than this apart, the second takes over the rates of the first.
const APART: Duration = Duration::from_millis(200);

/// All connections at one moment, ordered by id.
pub(crate) struct Snapshot {
    pub(crate) at: Instant,
    pub(crate) time: SystemTime,
    pub(crate) rows: Vec<Row>,
    /// Whether it includes what the layers of each connection report.
    pub(super) deep: bool,
    /// The sum over all connections, if there was a previous snapshot.
    pub(crate) rates: Option<Rates>,
    /// How many connections are opening, open and closing.
    pub(crate) states: [usize; 3],
    holders: OnceLock<Holders>,
}

impl Snapshot {
    /// Walks over all connections, locking each briefly. Rates are computed from `before`, the previous snapshot.
    pub(super) fn take(connections: &Connections, mask: &Mask, before: Option<&Self>, deep: bool) -> Self {
        let mut live = connections.all();
        live.sort_unstable_by_key(Connection::id);
        let (at, time) = (now(), SystemTime::now());
        let mut snapshot = Self {
            at,
            time,
            rows: Vec::with_capacity(live.len()),
            deep,
            rates: before.and_then(|before| if before.is_near(at) { before.rates } else { Some(Rates::default()) }),
            states: [0; 3],
            holders: OnceLock::new(),
        };
        let mut known = Known {
            rows: before.map_or(&[], |before| &before.rows),
            since: at - before.map_or(at, |before| before.at),
            near: before.is_some_and(|before| before.is_near(at)),
        };
        for connection in &live {
            snapshot.add(connection, mask, &mut known);
        }
        snapshot
    }

    fn add(&mut self, connection: &Connection, mask: &Mask, known: &mut Known<'_>) {
        let status = connection.status();
        let place = match status.state {
            ConnectionState::Opening => 0,
            ConnectionState::Open => 1,
            // It ended after the registry was read.
            ConnectionState::Ended => return,
            _ => 2,
        };
        self.states[place] += 1;
        let id = connection.id();
        let rates = known.find(id).and_then(|row| {
            if known.near { row.rates } else { Some(Rates::between(&row.counters, &status.counters, known.since)) }
        });
        if let (Some(all), Some(rates), false) = (&mut self.rates, &rates, known.near) {
            all.add(rates);
        }
        let (quota_left, expires_at) = if self.deep { describe(connection) } else { (None, None) };
        self.rows.push(Row {
            id,
            started: connection.started(),
            client: connection.client_ip(),
            subject: connection.subject().map(|subject| mask.subject(&subject)),
            state: status.state,
            counters: status.counters,
            rates,
            round_trip: status.round_trip,
            quota_left,
            expires_at,
        });
    }

    fn is_near(&self, at: Instant) -> bool {
        at.saturating_duration_since(self.at) < APART
    }

    /// The largest holders of connections. Computed once for all viewers, on first use.
    pub(crate) fn holders(&self) -> &Holders {
        self.holders.get_or_init(|| holders(&self.rows))
    }
}

/// What the layers of a connection report and a query can sort by.
pub(crate) fn describe(connection: &Connection) -> (Option<u64>, Option<SystemTime>) {
    let description = connection.description();
    (description.quota_left, description.expires_at)
}

/// The rows of the previous snapshot that were not passed yet, in the order of ids.
struct Known<'a> {
    rows: &'a [Row],
    since: Duration,
    near: bool,
}

impl<'a> Known<'a> {
    fn find(&mut self, id: portcullis_core::ConnectionId) -> Option<&'a Row> {
        while let [first, rest @ ..] = self.rows {
            if first.id >= id {
                return (first.id == id).then_some(first);
            }
            self.rows = rest;
        }
        None
    }
}
