//! The log line of a refusal, once for each sentence and minute.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use portcullis_core::refusal::Refusal;

const INTERVAL: Duration = Duration::from_secs(60);
const SENTENCES: usize = 64;

/// What was logged lately. Bounded: an attacker makes up origins.
#[derive(Debug, Default)]
pub(crate) struct Log(Mutex<Lately>);

#[derive(Debug, Default)]
struct Lately {
    logged: HashMap<String, Instant>,
    suppressed: u64,
}

impl Log {
    pub(crate) fn refused(&self, refusal: &Refusal, report_only: bool) {
        let Some(suppressed) = self.due(refusal.text(), Instant::now()) else { return };
        let (kind, sentence) = (refusal.kind(), refusal.text());
        tracing::warn!(kind, report_only, suppressed, "{sentence}");
    }

    /// Whether a sentence may be logged; if so, how many were not since the last.
    fn due(&self, sentence: &str, now: Instant) -> Option<u64> {
        let mut lately = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lately.logged.retain(|_, at| now.saturating_duration_since(*at) < INTERVAL);
        if lately.logged.contains_key(sentence) || lately.logged.len() >= SENTENCES {
            lately.suppressed += 1;
            return None;
        }
        lately.logged.insert(sentence.to_owned(), now);
        Some(std::mem::take(&mut lately.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_is_logged_once_a_minute_and_few_at_all() {
        let (log, now) = (Log::default(), Instant::now());
        assert_eq!(log.due("a", now), Some(0));
        assert_eq!(log.due("a", now), None);
        let more = (0..1000).filter(|at: &i32| log.due(&at.to_string(), now).is_some());
        assert_eq!(more.count(), SENTENCES - 1);
        assert!(log.due("a", now + INTERVAL).is_some_and(|suppressed| suppressed > 900));
    }
}
