//! What is said of requests and closing tasks, wherever it happens.

#[cfg(feature = "tracing")]
use super::events;
#[cfg(feature = "metrics")]
use super::metrics;
use http::StatusCode;

/// A handshake, or a plain request, is refused.
pub(crate) fn refused(plain: bool, kind: &'static str, status: StatusCode, sentence: &str) {
    #[cfg(feature = "metrics")]
    metrics::refusal(plain, "refused", kind);
    #[cfg(feature = "tracing")]
    events::refused(plain, kind, status, sentence, false);
    let _ = (plain, kind, status, sentence);
}

/// A handshake, or a plain request, would be refused if its layer were not on report only.
pub(crate) fn would_refuse(plain: bool, kind: &'static str, status: StatusCode, sentence: &str) {
    #[cfg(feature = "metrics")]
    metrics::refusal(plain, "would_refuse", kind);
    #[cfg(feature = "tracing")]
    events::refused(plain, kind, status, sentence, true);
    let _ = (plain, kind, status, sentence);
}

/// A layer was composed wrongly.
pub(crate) fn wiring(sentence: &'static str) {
    #[cfg(feature = "tracing")]
    events::wiring(sentence);
    let _ = sentence;
}

/// A task waits for a closing handshake, or has ended.
#[cfg(feature = "guard")]
pub(crate) fn closing_task(begins: bool) {
    #[cfg(feature = "metrics")]
    metrics::closing_task(begins);
    let _ = begins;
}
