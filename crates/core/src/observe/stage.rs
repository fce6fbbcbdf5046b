//! The outcome of a handshake, and of its connection. Each is reported exactly once, on every path.
//!
//! A handshake may be refused by a layer, fail, be cancelled by its client, or become a connection, and several of
//! these at the same time. The first to be recorded counts, so that the counters add up to the number of handshakes.
//!
//! ```text
//!   NEW --called--> CALLED --upgraded--> UPGRADED --opened--> REPORTED   "upgraded"
//!    |                |                     |
//!    |                |                     +--- ended -----> REPORTED   "failed", "upgrade": no connection followed
//!    |                +--- failed ------------------------> REPORTED   "failed", "error"
//!    |                +--- ended -------------------------> REPORTED   "failed", "cancelled" or "panic"
//!    |                +--- refused -----------------------> REPORTED   "refused"
//!    +--- ended: a layer has refused it, and the refusal was counted by itself
//! ```

use std::{
    sync::{
        OnceLock,
        atomic::{AtomicU8, Ordering},
    },
    time::Instant,
};

use http::StatusCode;

use super::{Peer, Scope, delta::violated};
use crate::ended::{Ended, EndedBy};

/// The name of the judgement of a connection's first message, where policies have theirs.
const FIRST_MESSAGE: &str = "first_message";

/// How far a handshake has come.
///
/// One thread may refuse it while another drops it. The stage is one word, and every change of it is a single
/// read-modify-write, so exactly one of them finds it unreported and reports the outcome.
#[derive(Debug, Default)]
pub(crate) struct HandshakeStage {
    stage: AtomicU8,
    opened: OnceLock<Instant>,
}

/// The layer that set it up has yet to call the service inside: if it does not, it refuses.
const NEW: u8 = 0;
/// The service inside was asked.
const CALLED: u8 = 1;
/// The answer was an upgrade.
const UPGRADED: u8 = 2;
/// The outcome was reported.
const REPORTED: u8 = 3;

impl HandshakeStage {
    /// The service inside is being asked.
    pub(crate) fn called(&self) {
        self.advance(NEW, CALLED);
    }

    /// The response is an upgrade, unless the outcome was decided before.
    pub(crate) fn upgraded(&self) {
        self.advance(NEW, CALLED);
        self.advance(CALLED, UPGRADED);
    }

    /// The response is not an upgrade. A layer's refusal was counted when it was turned into a response.
    pub(crate) fn refused(&self, status: StatusCode, counted: bool) {
        if self.report() != REPORTED && !counted {
            refused_inside(status);
        }
    }

    /// There is no response.
    pub(crate) fn failed(&self) {
        self.fail("error");
    }

    /// The upgrade has completed. Not counted if the handshake was refused, and is upgraded only to be closed.
    pub(crate) fn opened(&self, now: Instant) {
        if self.report() != REPORTED {
            handshake("upgraded", "none");
            self.adopted(now);
        }
    }

    /// A connection whose handshake was done elsewhere.
    pub(crate) fn adopted(&self, now: Instant) {
        self.stage.store(REPORTED, Ordering::Release);
        if self.opened.set(now).is_ok() {
            #[cfg(feature = "metrics")]
            super::metrics::opened();
            #[cfg(feature = "observer")]
            super::notify(&super::Event::Opened);
        }
    }

    /// The connection was closed because of its first message, or for want of one.
    pub(crate) fn turned_away(&self, scope: &Scope, peer: Peer<'_>) {
        if self.opened.get().is_some() {
            violated(scope, peer, FIRST_MESSAGE, "close", 1);
        }
    }

    /// The connection has ended, or the handshake came to nothing.
    pub(crate) fn ended(&self, ended: &Ended, scope: &Scope, peer: Peer<'_>, now: Instant) {
        match self.stage.load(Ordering::Acquire) {
            UPGRADED => self.fail("upgrade"),
            CALLED if std::thread::panicking() => self.fail("panic"),
            CALLED => self.fail("cancelled"),
            _ => {}
        }
        let Some(opened) = self.opened.get() else { return };
        let (code, lived) = (code(ended), now.saturating_duration_since(*opened));
        #[cfg(feature = "metrics")]
        super::metrics::closed(code, ended.by.as_str(), lived);
        #[cfg(feature = "tracing")]
        super::events::closed(scope.span(), code, ended, lived);
        #[cfg(feature = "observer")]
        super::notify(&super::Event::Closed { peer, code, ended, lived });
        let _ = (code, lived, scope, peer);
    }

    fn fail(&self, reason: &'static str) {
        if self.report() != REPORTED {
            handshake("failed", reason);
            #[cfg(feature = "observer")]
            super::notify(&super::Event::Failed { reason });
        }
    }

    fn advance(&self, from: u8, to: u8) {
        // Fails if it has come further meanwhile, or was reported. Then there is nothing to advance.
        let _already = self.stage.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire);
    }

    /// Marks the outcome as reported. Returns the stage before: only the caller that did not find `REPORTED` reports.
    fn report(&self) -> u8 {
        self.stage.swap(REPORTED, Ordering::AcqRel)
    }
}

fn handshake(outcome: &'static str, reason: &'static str) {
    #[cfg(feature = "metrics")]
    super::metrics::handshake(outcome, reason);
    let _ = (outcome, reason);
}

fn refused_inside(status: StatusCode) {
    handshake("refused", "handler");
    #[cfg(feature = "tracing")]
    super::events::refused(false, "handler", status, "", false);
    #[cfg(feature = "observer")]
    super::notify(&super::Event::Refused {
        plain: false,
        kind: "handler",
        status,
        sentence: "",
        report_only: false,
        client: None,
        subject: None,
    });
    let _ = status;
}

/// The label for a close code. One of a closed set, because the peer chooses the code.
fn code(ended: &Ended) -> &'static str {
    // A close frame that could not be sent, or not be received, has not closed anything.
    let seen = !ended.cut_short && ended.by != EndedBy::Transport;
    let Some(frame) = ended.frame.as_ref().filter(|_| seen) else { return "1006" };
    frame.code().map_or("1005", |code| label(code.as_u16()))
}

fn label(code: u16) -> &'static str {
    match code {
        1000 => "1000",
        1001 => "1001",
        1002 => "1002",
        1003 => "1003",
        1007 => "1007",
        1008 => "1008",
        1009 => "1009",
        1010 => "1010",
        1011 => "1011",
        1012 => "1012",
        1013 => "1013",
        1014 => "1014",
        3000 => "3000",
        3003 => "3003",
        3008 => "3008",
        ..4000 => "3xxx",
        _ => "4xxx",
    }
}
