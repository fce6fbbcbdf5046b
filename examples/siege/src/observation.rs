//! What a client observes of an attack.

use std::{collections::BTreeMap, fmt};

use portcullis_core::CloseCode;

use crate::page::Page;

/// What the client observed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Observation {
    Closed {
        code: Option<u16>,
        reason: String,
        messages: u64,
    },
    /// A close frame that RFC 6455, section 5.5.1, does not allow.
    BrokenClose,
    Lost {
        reset: bool,
        messages: u64,
    },
    Open {
        messages: u64,
    },
    /// A handshake that was refused with this status, and what a page observes of such a handshake.
    Refused {
        status: u16,
        page: Page,
    },
    /// The status of the response to a plain request.
    Answered(u16),
    Echoed(u64),
    Failed(String),
    Logged(bool),
    /// The client disconnected, but its handler did not end.
    Held,
    /// The close that each client of a server observed, and how many clients reconnected to the next one.
    Replaced {
        ends: Vec<Observation>,
        back: usize,
    },
}

impl Observation {
    /// The observation of a close frame with this payload.
    pub(crate) fn closed(payload: &[u8], messages: u64) -> Self {
        let [high, low, reason @ ..] = payload else {
            let empty = Self::Closed { code: None, reason: String::new(), messages };
            return if payload.is_empty() { empty } else { Self::BrokenClose };
        };
        let code = u16::from_be_bytes([*high, *low]);
        match (CloseCode::new(code), std::str::from_utf8(reason)) {
            (Ok(_), Ok(reason)) => Self::Closed { code: Some(code), reason: reason.to_owned(), messages },
            _ => Self::BrokenClose,
        }
    }

    /// What the script of a page would have observed in place of this client. `None` if this was not a WebSocket.
    ///
    /// A browser answers a close frame by itself, so the close is clean.
    pub(crate) fn page(&self) -> Option<Page> {
        Some(match self {
            Self::Closed { code, reason, .. } => Page::closed(*code, reason),
            Self::BrokenClose | Self::Lost { .. } => Page::failed(),
            Self::Open { .. } | Self::Echoed(_) | Self::Logged(_) | Self::Held => Page::Open,
            Self::Refused { page, .. } => page.clone(),
            Self::Replaced { ends, .. } => return unluckiest(ends),
            Self::Answered(_) | Self::Failed(_) => return None,
        })
    }
}

impl fmt::Display for Observation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed { code: Some(code), reason, .. } => write!(f, "{code} {reason}"),
            Self::Closed { code: None, .. } => f.write_str("1005 (empty)"),
            Self::BrokenClose => f.write_str("broken close"),
            Self::Lost { reset: true, .. } => f.write_str("1006 (reset)"),
            Self::Lost { .. } => f.write_str("1006 (eof)"),
            Self::Open { .. } => f.write_str("still open"),
            Self::Refused { status, .. } | Self::Answered(status) => write!(f, "HTTP {status}"),
            Self::Echoed(messages) => write!(f, "{messages} echoed"),
            Self::Logged(true) => f.write_str("in the log"),
            Self::Logged(false) => f.write_str("not in the log"),
            Self::Held => f.write_str("handler held"),
            Self::Replaced { ends, back } => write!(f, "{}, {back} back", counted(ends)),
            Self::Failed(error) => write!(f, "failed: {error}"),
        }
    }
}

/// The observation of the page that learned the least.
fn unluckiest(ends: &[Observation]) -> Option<Page> {
    ends.iter().filter_map(Observation::page).max_by_key(|page| match page {
        Page::Closed { clean, .. } => u8::from(!clean),
        Page::Open => 2,
    })
}

/// The number of clients per code.
fn counted(ends: &[Observation]) -> String {
    let mut counts = BTreeMap::<_, usize>::new();
    for end in ends {
        let code = end.page().and_then(|page| page.code());
        *counts.entry(code).or_default() += 1;
    }
    let each = |(code, count): (Option<u16>, usize)| match code {
        Some(code) => format!("{count}×{code}"),
        None => format!("{count}×open"),
    };
    counts.into_iter().map(each).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_page_gets_code_and_reason_of_a_valid_close_frame() {
        for (payload, expected) in [
            (&b""[..], "1005"),
            (b"\x03\xe8", "1000"),
            (b"\x03\xf0message rate exceeded", "1008 message rate exceeded"),
            (b"\x0b\xb8token missing", "3000 token missing"),
            (b"\x03", "1006"),
            (b"\x03\xedno code", "1006"),
            (b"\x03\xeeno close", "1006"),
            (b"\x00\x00", "1006"),
            (b"\x13\x88beyond", "1006"),
            (b"\x03\xf0\xff", "1006"),
        ] {
            let page = Observation::closed(payload, 0).page().unwrap();
            assert_eq!(page.to_string(), expected, "{payload:02x?}");
            assert_eq!(page == Page::failed(), expected == "1006", "{payload:02x?}");
        }
    }

    #[test]
    fn a_page_does_not_learn_why_a_connection_was_lost() {
        for reset in [false, true] {
            assert_eq!(Observation::Lost { reset, messages: 7 }.page(), Some(Page::failed()));
        }
    }

    #[test]
    fn a_page_observes_a_refusal_as_a_browser_does_without_its_status() {
        let page = Page::closed(Some(3000), "token missing");
        assert_eq!(Observation::Refused { status: 401, page: page.clone() }.page(), Some(page));
    }

    #[test]
    fn a_page_whose_socket_was_not_closed_got_no_event() {
        for observed in
            [Observation::Open { messages: 0 }, Observation::Echoed(1), Observation::Logged(true), Observation::Held]
        {
            assert_eq!(observed.page(), Some(Page::Open), "{observed}");
        }
        for observed in [Observation::Answered(200), Observation::Failed("no server".to_owned())] {
            assert_eq!(observed.page(), None, "{observed}");
        }
    }

    #[test]
    fn many_clients_are_counted_and_the_unluckiest_is_shown() {
        let closed = || Observation::Closed { code: Some(1012), reason: "service restarts".to_owned(), messages: 0 };
        let lost = || Observation::Lost { reset: true, messages: 0 };
        let open = || Observation::Open { messages: 0 };
        for (ends, shown, page) in [
            (vec![closed(), closed()], "2×1012, 1 back", "1012 service restarts"),
            (vec![closed(), lost(), closed()], "1×1006 2×1012, 1 back", "1006"),
            (vec![open(), lost(), closed()], "1×open 1×1006 1×1012, 1 back", "open"),
        ] {
            let observed = Observation::Replaced { ends, back: 1 };
            assert_eq!((observed.to_string().as_str(), observed.page().unwrap().to_string().as_str()), (shown, page));
        }
    }
}
