//! A connection in a snapshot.

use std::{
    net::IpAddr,
    time::{Duration, Instant, SystemTime},
};

use portcullis_core::{ConnectionId, ConnectionState, Counters};

use crate::mask::Shown;

/// A copy of a connection's values. It does not keep the connection alive, which may end in the meantime.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) id: ConnectionId,
    pub(crate) started: Instant,
    pub(crate) client: Option<IpAddr>,
    pub(crate) subject: Option<Shown>,
    pub(crate) state: ConnectionState,
    pub(crate) counters: Counters,
    /// Since the previous snapshot, if the connection was in it.
    pub(crate) rates: Option<Rates>,
    pub(crate) round_trip: Option<Duration>,
    /// Only in a deep snapshot, for a query that sorts by it.
    pub(crate) quota_left: Option<u64>,
    pub(crate) expires_at: Option<SystemTime>,
}

/// Messages and bytes per second.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Rates {
    pub(crate) messages_in: f32,
    pub(crate) messages_out: f32,
    pub(crate) bytes_in: f32,
    pub(crate) bytes_out: f32,
}

impl Rates {
    /// Computes the rates between two readings that are `time` apart.
    pub(crate) fn between(before: &Counters, after: &Counters, time: Duration) -> Self {
        let seconds = time.as_secs_f32();
        #[expect(clippy::cast_precision_loss, reason = "it is shown in three digits")]
        let rate = |before: u64, after: u64| after.saturating_sub(before) as f32 / seconds;
        Self {
            messages_in: rate(before.messages_in, after.messages_in),
            messages_out: rate(before.messages_out, after.messages_out),
            bytes_in: rate(before.bytes_in, after.bytes_in),
            bytes_out: rate(before.bytes_out, after.bytes_out),
        }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.messages_in += other.messages_in;
        self.messages_out += other.messages_out;
        self.bytes_in += other.bytes_in;
        self.bytes_out += other.bytes_out;
    }
}
