//! A log that an attacker cannot fill.
//!
//! An attacker decides how many handshakes are refused. Ten lines of each kind are written in a minute, and the next
//! one says how many were left out.
//!
//! Kinds are pairs of constants, and the map of them is bounded, so an attacker can neither fill the log nor the memory
//! that keeps it short. A line that is due costs a lock; one that is suppressed costs the same and nothing else.

use std::{
    collections::HashMap,
    sync::Mutex,
    time::{Duration, Instant},
};

use crate::sync::lock;

const INTERVAL: Duration = Duration::from_secs(60);
const LINES: u32 = 10;
/// How many kinds are counted apart. Further kinds share the lines of one.
const KINDS: usize = 256;

/// What a line is about.
pub(super) type Kind = (&'static str, &'static str);

const OTHERS: Kind = ("", "");

/// Lets ten lines of each kind pass in a minute, and counts the others.
pub(super) struct Throttle(Mutex<Option<HashMap<Kind, Lately>>>);

struct Lately {
    since: Instant,
    lines: u32,
    suppressed: u64,
}

impl Throttle {
    pub(super) const fn new() -> Self {
        Self(Mutex::new(None))
    }

    /// Whether a line is due; if so, how many were left out before it.
    pub(super) fn due(&self, kind: Kind, now: Instant) -> Option<u64> {
        let mut kinds = lock(&self.0);
        let kinds = kinds.get_or_insert_default();
        let kind = if kinds.len() < KINDS || kinds.contains_key(&kind) { kind } else { OTHERS };
        let lately = kinds.entry(kind).or_insert(Lately { since: now, lines: 0, suppressed: 0 });
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
    fn a_flood_is_ten_lines_a_minute_of_each_kind() {
        let (throttle, now) = (Throttle::new(), Instant::now());
        assert_eq!((0..1000).filter(|_| throttle.due(("a", ""), now).is_some()).count(), 10);
        assert_eq!(throttle.due(("b", ""), now), Some(0));
        assert_eq!(throttle.due(("a", ""), now + INTERVAL), Some(990));
    }

    #[test]
    fn made_up_kinds_fill_nothing() {
        let (throttle, now) = (Throttle::new(), Instant::now());
        let kinds = (0..1000).map(|at| -> &'static str { Box::leak(at.to_string().into_boxed_str()) });
        let lines = kinds.filter(|kind| throttle.due((kind, ""), now).is_some()).count();
        assert_eq!(lines, KINDS + 10);
        assert_eq!(throttle.0.lock().unwrap().as_ref().unwrap().len(), KINDS + 1);
    }
}
