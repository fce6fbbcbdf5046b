//! What a client saw of an attack.

use std::{collections::BTreeMap, fmt};

use portcullis_core::CloseCode;

use crate::page::Page;

/// What the client saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Saw {
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
    /// A handshake that was answered with this status, and what a page learns of one like it.
    Refused {
        status: u16,
        page: Page,
    },
    /// The status of the answer to a plain request.
    Answered(u16),
    Echoed(u64),
    Failed(String),
    Logged(bool),
    /// The connection was left, and its handler never came to an end.
    Held,
    /// How each client of a server saw it end, and how many of them are back on another.
    Replaced {
        ends: Vec<Saw>,
        back: usize,
    },
}

impl Saw {
    /// What a close frame of that payload says.
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

    /// What the script of a page would have seen, had its browser been at this end of the connection. `None` where
    /// there is nothing that a browser could have been.
    ///
    /// A browser answers a close frame by itself: whoever reads one was closed cleanly.
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

impl fmt::Display for Saw {
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

/// What the page saw that learned least.
fn unluckiest(ends: &[Saw]) -> Option<Page> {
    ends.iter().filter_map(Saw::page).max_by_key(|page| match page {
        Page::Closed { clean, .. } => u8::from(!clean),
        Page::Open => 2,
    })
}

/// How many saw which code.
fn counted(ends: &[Saw]) -> String {
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
    fn a_page_reads_what_a_close_frame_says_if_it_may_say_so() {
        for (payload, seen) in [
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
            let page = Saw::closed(payload, 0).page().unwrap();
            assert_eq!(page.to_string(), seen, "{payload:02x?}");
            assert_eq!(page == Page::failed(), seen == "1006", "{payload:02x?}");
        }
    }

    #[test]
    fn a_page_does_not_learn_why_a_connection_is_gone() {
        for reset in [false, true] {
            assert_eq!(Saw::Lost { reset, messages: 7 }.page(), Some(Page::failed()));
        }
    }

    #[test]
    fn a_page_sees_a_refusal_as_its_browser_does_and_not_its_status() {
        let page = Page::closed(Some(3000), "token missing");
        assert_eq!(Saw::Refused { status: 401, page: page.clone() }.page(), Some(page));
    }

    #[test]
    fn a_page_whose_socket_was_not_closed_has_seen_no_event() {
        for saw in [Saw::Open { messages: 0 }, Saw::Echoed(1), Saw::Logged(true), Saw::Held] {
            assert_eq!(saw.page(), Some(Page::Open), "{saw}");
        }
        for saw in [Saw::Answered(200), Saw::Failed("no server".to_owned())] {
            assert_eq!(saw.page(), None, "{saw}");
        }
    }

    #[test]
    fn of_many_clients_each_is_counted_and_the_unluckiest_shown() {
        let told = || Saw::Closed { code: Some(1012), reason: "service restarts".to_owned(), messages: 0 };
        let lost = || Saw::Lost { reset: true, messages: 0 };
        let open = || Saw::Open { messages: 0 };
        for (ends, shown, page) in [
            (vec![told(), told()], "2×1012, 1 back", "1012 service restarts"),
            (vec![told(), lost(), told()], "1×1006 2×1012, 1 back", "1006"),
            (vec![open(), lost(), told()], "1×open 1×1006 1×1012, 1 back", "open"),
        ] {
            let saw = Saw::Replaced { ends, back: 1 };
            assert_eq!((saw.to_string().as_str(), saw.page().unwrap().to_string().as_str()), (shown, page));
        }
    }
}
