//! Refusals in the log: so many a minute of each kind, and how many were left out.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use crate::error::TokenError;

const INTERVAL: Duration = Duration::from_secs(60);
const LINES: u32 = 10;

pub(crate) static LOG: Log = Log(Mutex::new(None));

/// What was logged lately, by kind: there are as many as ways to fail.
pub(crate) struct Log(Mutex<Option<HashMap<&'static str, Lately>>>);

struct Lately {
    since: Instant,
    lines: u32,
    suppressed: u64,
}

impl Log {
    pub(crate) fn refused(&self, error: TokenError, report_only: bool) {
        let Some(suppressed) = self.due(error.kind(), Instant::now()) else { return };
        tracing::warn!(
            kind = error.kind(),
            report_only,
            suppressed,
            "a WebSocket client was not authenticated: {error}"
        );
    }

    /// Whether a line is due; if so, how many were left out before it.
    fn due(&self, kind: &'static str, now: Instant) -> Option<u64> {
        let mut kinds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lately = kinds.get_or_insert_default().entry(kind);
        let lately = lately.or_insert(Lately { since: now, lines: 0, suppressed: 0 });
        if now.saturating_duration_since(lately.since) >= INTERVAL {
            (lately.since, lately.lines) = (now, 0);
        }
        if lately.lines == LINES {
            lately.suppressed += 1;
            return None;
        }
        lately.lines += 1;
        Some(std::mem::take(&mut lately.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_refusals_is_ten_lines_a_minute() {
        let (log, now) = (Log(Mutex::new(None)), Instant::now());
        assert_eq!((0..1000).filter(|_| log.due("a", now).is_some()).count(), 10);
        assert_eq!(log.due("b", now), Some(0));
        assert_eq!(log.due("a", now + INTERVAL), Some(990));
    }
}
