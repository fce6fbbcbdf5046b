//! What is logged: of each kind a few lines a minute.
//!
//! Whether a subscriber wants a line is asked before anything is formatted or counted, so a server that logs at WARN
//! pays one atomic load for each refusal. What the peer wrote is printed with escapes: a close reason with a line break
//! must not look like another event.

use http::StatusCode;
use tracing::{Level, enabled, error, info, warn};

use super::throttle::Throttle;
use crate::clock::now;

const TARGET: &str = "portcullis";

static REFUSALS: Throttle = Throttle::new();
static WIRING: Throttle = Throttle::new();

/// What is wired wrongly is said where it is found.
pub(super) fn refused(plain: bool, kind: &'static str, status: StatusCode, sentence: &str, report_only: bool) {
    if kind == "wiring" || !enabled!(target: TARGET, Level::INFO) {
        return;
    }
    let which = match (plain, report_only) {
        (false, false) => "",
        (false, true) => "report",
        (true, false) => "plain",
        (true, true) => "plain report",
    };
    let Some(suppressed) = REFUSALS.due((kind, which), now()) else { return };
    let status = status.as_u16();
    if plain {
        info!(target: TARGET, kind, status, report_only, suppressed, sentence, "a plain request was refused");
    } else {
        info!(target: TARGET, kind, status, report_only, suppressed, sentence, "a WebSocket handshake was refused");
    }
}

pub(super) fn wiring(sentence: &'static str) {
    if let Some(suppressed) = WIRING.due((sentence, ""), now()) {
        error!(target: TARGET, suppressed, "{sentence}");
    }
}

pub(super) fn warning(sentence: &'static str) {
    warn!(target: TARGET, "{sentence}");
}

/// Whether a subscriber takes warnings.
pub(super) fn are_read() -> bool {
    enabled!(target: TARGET, Level::WARN)
}

#[cfg(feature = "guard")]
pub(super) use live::{closed, span, violated};

/// Of live connections.
#[cfg(feature = "guard")]
mod live {
    use std::time::Duration;

    use tracing::{Span, debug, field::Empty, info_span};

    use super::{Level, TARGET, Throttle, enabled, info, now};
    use crate::{ended::Ended, id::ConnectionId};

    static CLOSES: Throttle = Throttle::new();
    static VIOLATIONS: Throttle = Throttle::new();

    pub(in crate::observe) fn span(id: ConnectionId) -> Span {
        info_span!(target: TARGET, "websocket", %id, client = Empty, subject = Empty, issuer = Empty)
    }

    pub(in crate::observe) fn closed(span: &Span, code: &'static str, ended: &Ended, lived: Duration) {
        if !enabled!(target: TARGET, Level::DEBUG) {
            return;
        }
        let by = ended.by.as_str();
        let Some(suppressed) = CLOSES.due((code, by), now()) else { return };
        // The peer may have written it: control characters are escaped.
        let reason = ended.frame.as_ref().map(|frame| frame.reason().to_owned()).unwrap_or_default();
        let cut_short = ended.cut_short;
        debug!(
            target: TARGET, parent: span, code, by, ?reason, duration = ?lived, cut_short, suppressed,
            "a WebSocket closed"
        );
    }

    pub(in crate::observe) fn violated(span: &Span, policy: &'static str, action: &'static str, times: u64) {
        if !enabled!(target: TARGET, Level::INFO) {
            return;
        }
        let Some(suppressed) = VIOLATIONS.due((policy, action), now()) else { return };
        info!(target: TARGET, parent: span, policy, action, times, suppressed, "a WebSocket violated a policy");
    }
}
