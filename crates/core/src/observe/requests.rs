//! Reports about requests and closing tasks, which belong to no connection.

use super::aloud;
#[cfg(feature = "tracing")]
use super::events;
#[cfg(feature = "metrics")]
use super::metrics;
use http::StatusCode;

use crate::refusal::Asked;

/// A handshake, or a plain request, is refused.
pub(crate) fn refused(plain: bool, kind: &'static str, status: StatusCode, sentence: &str, asked: Option<&Asked>) {
    #[cfg(feature = "metrics")]
    metrics::refusal(plain, "refused", kind);
    #[cfg(feature = "tracing")]
    events::refused(plain, kind, status, sentence, false);
    notify_refused(plain, kind, status, sentence, asked, false);
    let _ = (plain, kind, status, sentence);
}

/// A handshake, or a plain request, would be refused if its layer were not on report only.
pub(crate) fn would_refuse(plain: bool, kind: &'static str, status: StatusCode, sentence: &str, asked: Option<&Asked>) {
    #[cfg(feature = "metrics")]
    metrics::refusal(plain, "would_refuse", kind);
    #[cfg(feature = "tracing")]
    events::refused(plain, kind, status, sentence, true);
    notify_refused(plain, kind, status, sentence, asked, true);
    let _ = (plain, kind, status, sentence);
}

/// Reports the refusal to the attached observers.
fn notify_refused(
    plain: bool,
    kind: &'static str,
    status: StatusCode,
    sentence: &str,
    asked: Option<&Asked>,
    report_only: bool,
) {
    #[cfg(feature = "observer")]
    super::notify(&super::Event::Refused {
        plain,
        kind,
        status,
        sentence,
        report_only,
        client: asked.and_then(|asked| asked.client),
        subject: asked.and_then(|asked| asked.subject.as_ref()),
    });
    let _ = (plain, kind, status, sentence, asked, report_only);
}

/// A layer was composed wrongly.
pub(crate) fn wiring(sentence: &'static str) {
    #[cfg(feature = "tracing")]
    events::wiring(sentence);
    let _ = sentence;
}

/// A layer was composed wrongly, and the client's response does not say how.
pub(crate) fn wiring_unseen(sentence: &'static str) {
    aloud::say(sentence, is_logged());
}

/// Warns that layers are composed in a way that works, but not as it seems to: once for each sentence and process. It
/// is an event with feature `tracing`. In debug builds where no subscriber takes that, it goes to stderr.
///
/// For layers of your own. The sentence says what happens, and what to do about it.
///
/// ```
/// portcullis_core::observe::warn_once("`ThrottleLayer` stands inside of the layer that it should protect");
/// ```
pub fn warn_once(sentence: &'static str) {
    if !aloud::is_new(sentence) {
        return;
    }
    #[cfg(feature = "tracing")]
    events::warning(sentence);
    aloud::say(sentence, is_logged());
}

/// Whether anything takes what is logged.
fn is_logged() -> bool {
    #[cfg(feature = "tracing")]
    let logged = events::are_read();
    #[cfg(not(feature = "tracing"))]
    let logged = false;
    logged
}

/// A task waits for a closing handshake, or has ended.
#[cfg(feature = "guard")]
pub(crate) fn closing_task(begins: bool) {
    #[cfg(feature = "metrics")]
    metrics::closing_task(begins);
    let _ = begins;
}
