//! What a log has of an issuer's keys: bounded, whatever the issuer does.

use std::time::Duration;

use tokio::time::Instant;

use super::{fetch::FetchError, set::Note};

/// Lines about the keys of one set. More are one line.
const LINES: usize = 8;

/// Between two lines about an issuer that cannot be reached.
const INTERVAL: Duration = Duration::from_secs(60);

/// The longest text of an error, in characters: it may be the issuer's.
const LONGEST: usize = 256;

/// What was logged.
#[derive(Default)]
pub(super) struct Report {
    notes: Vec<Note>,
    failed: Option<Instant>,
}

impl Report {
    /// A set was read. What is wrong with it is said once, until something else is.
    pub(super) fn fetched(&mut self, notes: Vec<Note>) -> Vec<String> {
        self.failed = None;
        if notes == self.notes {
            return Vec::new();
        }
        let shown = notes.iter().take(LINES);
        let mut lines: Vec<String> =
            shown.map(|Note { at, what }| format!("a token issuer's key {at} is {what}")).collect();
        if let more @ 1.. = notes.len().saturating_sub(LINES) {
            lines.push(format!("{more} more of a token issuer's keys are left out, or used in place of others"));
        }
        self.notes = notes;
        lines
    }

    /// No set was read.
    pub(super) fn failed(&mut self, error: &FetchError, now: Instant) -> Vec<String> {
        if self.failed.is_some_and(|before| now.saturating_duration_since(before) < INTERVAL) {
            return Vec::new();
        }
        self.failed = Some(now);
        let error: String = error.to_string().chars().take(LONGEST).collect();
        vec![format!("the keys of a token issuer could not be fetched: {error}")]
    }
}
