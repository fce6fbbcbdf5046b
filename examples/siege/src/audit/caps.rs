//! The caps on what an audit sends and holds, and on its duration. No option raises them.

use std::{sync::Arc, time::Duration};

use crate::raw::{self, Budget};

/// Frames of one attack.
pub(super) const FRAMES: usize = 20_000;
/// Bytes of one attack.
pub(super) const BYTES: usize = 32 * 1024 * 1024;
/// Sockets of one attack, at once.
pub(super) const SOCKETS: usize = 250;
/// Connections of one attack, one after another.
pub(super) const CONNECTIONS: usize = 500;
/// How long one attack lasts.
pub(super) const ATTACK: Duration = Duration::from_mins(2);
/// How long an audit lasts.
pub(super) const AUDIT: Duration = Duration::from_mins(30);

/// The budget of one attack.
pub(super) fn attack() -> Arc<Budget> {
    Budget::new(BYTES, SOCKETS, CONNECTIONS, ATTACK)
}

/// Repeats a frame, up to the cap.
pub(super) fn frames(count: usize, first: u8, payload: &[u8]) -> Vec<u8> {
    raw::frames(count.min(FRAMES), first, payload)
}

/// The description that is printed before anything is sent.
pub(super) fn sentence() -> String {
    format!(
        "one attack sends at most {FRAMES} frames and {} MiB over {SOCKETS} sockets at once and {CONNECTIONS} in all, \
         and lasts {} s at most; the audit ends after {} min",
        BYTES / 1024 / 1024,
        ATTACK.as_secs(),
        AUDIT.as_secs() / 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raw::sequences;

    #[test]
    fn no_flood_exceeds_the_cap_on_frames() {
        assert_eq!(frames(usize::MAX, 0x89, b"").len(), FRAMES * 6);
        assert_eq!(frames(7, 0x89, b"").len(), 7 * 6);
        assert!(sequences::tiny_fragments(FRAMES - 2).len() < BYTES);
    }

    #[test]
    fn the_description_names_all_caps() {
        for number in ["20000 frames", "32 MiB", "250 sockets", "500 in all", "120 s", "30 min"] {
            assert!(sentence().contains(number), "{number}");
        }
    }
}
