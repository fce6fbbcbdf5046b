//! Looks at all connections once.

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

/// Of two snapshots that are less than this apart, the second takes over the rates of the first.
const APART: Duration = Duration::from_millis(200);

/// All connections at one moment, by their ids.
pub(crate) struct Snapshot {
    pub(crate) at: Instant,
    pub(crate) time: SystemTime,
    pub(crate) rows: Vec<Row>,
    /// What layers say of each connection was asked, too.
    pub(super) deep: bool,
    /// Of all connections together, where there was a snapshot before.
    pub(crate) rates: Option<Rates>,
    /// Handshakes under way, open connections, and those that close.
    pub(crate) states: [usize; 3],
    holders: OnceLock<Holders>,
}

impl Snapshot {
    /// Walks over all connections, each of which is locked for a moment. `before` says what had passed by then.
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
            // It has ended since the registry was read.
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

    /// Who holds the most connections. Counted once for all viewers, when the first asks.
    pub(crate) fn holders(&self) -> &Holders {
        self.holders.get_or_init(|| holders(&self.rows))
    }
}

/// What the layers of a connection say that can be sorted by.
pub(crate) fn describe(connection: &Connection) -> (Option<u64>, Option<SystemTime>) {
    let description = connection.description();
    (description.quota_left, description.expires_at)
}

/// The rows of the snapshot before, in the order of ids, up to where they were looked through.
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
