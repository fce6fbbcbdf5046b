//! The events of a `WebSocket` that a script observes.

use std::fmt;

use serde_json::{Value, json};

/// What a script observes of its socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Page {
    /// It is not closed.
    Open,
    /// Its `CloseEvent`.
    Closed { code: u16, reason: String, clean: bool },
}

impl Page {
    /// After a close frame; `None` if it is empty.
    pub(crate) fn closed(code: Option<u16>, reason: &str) -> Self {
        Self::Closed { code: code.unwrap_or(1005), reason: reason.to_owned(), clean: true }
    }

    /// After anything else.
    pub(crate) fn failed() -> Self {
        Self::Closed { code: 1006, reason: String::new(), clean: false }
    }

    /// The code of the event, if there was one.
    pub(crate) fn code(&self) -> Option<u16> {
        match self {
            Self::Open => None,
            Self::Closed { code, .. } => Some(*code),
        }
    }

    /// With the property names of the DOM event.
    pub(crate) fn to_json(&self) -> Value {
        match self {
            Self::Open => json!({"event": "open"}),
            Self::Closed { code, reason, clean } => {
                json!({"event": "close", "code": code, "reason": reason, "wasClean": clean})
            }
        }
    }
}

impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open => f.write_str("open"),
            Self::Closed { code, reason, .. } if reason.is_empty() => code.fmt(f),
            Self::Closed { code, reason, .. } => write!(f, "{code} {reason}"),
        }
    }
}
