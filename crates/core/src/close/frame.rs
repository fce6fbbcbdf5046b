//! The payload of a close frame, as it is built, and as it is read from a peer, which may send what no endpoint may.
//!
//! RFC 6455, section 5.5.1, allows a payload that is empty, or a code of two bytes with a reason behind it. What
//! [`CloseFrame::parse`] accepts is exactly what [`CloseFrame`] can hold, so a frame that was read may be sent back as
//! it is: the echo of a peer's close needs no check of its own.

use std::{error::Error, fmt};

use super::{CloseCode, CloseReason};

/// A close frame: a code with a reason, or empty. The receiver of an empty one sees 1005, no status received.
///
/// ```
/// use portcullis_core::{CloseCode, CloseFrame};
///
/// let frame = CloseFrame::new(CloseCode::SERVICE_RESTART, "new version");
/// assert_eq!((frame.code().unwrap(), frame.reason()), (CloseCode::SERVICE_RESTART, "new version"));
/// assert_eq!(frame.to_string(), "1012 new version");
///
/// assert_eq!(CloseFrame::empty(), CloseFrame::default());
/// assert_eq!((CloseFrame::empty().code(), CloseFrame::empty().reason()), (None, ""));
/// assert_eq!(CloseFrame::empty().to_string(), "no code");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct CloseFrame(Option<(CloseCode, CloseReason)>);

impl CloseFrame {
    /// Creates a frame with a code and a reason.
    pub fn new(code: CloseCode, reason: impl Into<CloseReason>) -> Self {
        Self(Some((code, reason.into())))
    }

    /// Creates a frame with 1011 and a reason without details, which belong into the log.
    ///
    /// ```
    /// use portcullis_core::CloseFrame;
    ///
    /// assert_eq!(CloseFrame::internal_error().to_string(), "1011 internal error");
    /// ```
    pub fn internal_error() -> Self {
        Self::new(CloseCode::INTERNAL_ERROR, "internal error")
    }

    /// Creates a frame without a code.
    pub const fn empty() -> Self {
        Self(None)
    }

    /// Returns the code, if there is one.
    pub fn code(&self) -> Option<CloseCode> {
        self.0.as_ref().map(|(code, _)| *code)
    }

    /// Returns the reason, which is empty if there is none.
    pub fn reason(&self) -> &str {
        self.0.as_ref().map_or("", |(_, reason)| reason.as_str())
    }

    /// Parses the unmasked payload of a close frame.
    ///
    /// ```
    /// use portcullis_core::{CloseCode, CloseFrame, MalformedClose};
    ///
    /// assert_eq!(CloseFrame::parse(b"\x03\xe8bye"), Ok(CloseFrame::new(CloseCode::NORMAL, "bye")));
    /// assert_eq!(CloseFrame::parse(b""), Ok(CloseFrame::empty()));
    /// for (payload, error, answer) in [
    ///     (&b"\x03"[..], MalformedClose::OneByte, 1002),
    ///     (b"\x03\xee", MalformedClose::Code(1006), 1002),
    ///     (b"\x03\xe8\xff", MalformedClose::Reason, 1007),
    /// ] {
    ///     assert_eq!(CloseFrame::parse(payload), Err(error));
    ///     assert_eq!(error.answer().code().unwrap(), answer);
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// If RFC 6455 forbids the payload; [`MalformedClose::answer`] is the close frame to answer with.
    pub fn parse(payload: &[u8]) -> Result<Self, MalformedClose> {
        match payload {
            [] => Ok(Self::empty()),
            [_] => Err(MalformedClose::OneByte),
            [high, low, reason @ ..] => {
                let code = u16::from_be_bytes([*high, *low]);
                let code = CloseCode::new(code).map_err(|_| MalformedClose::Code(code))?;
                let reason = str::from_utf8(reason).map_err(|_| MalformedClose::Reason)?;
                Ok(Self::new(code, reason.to_owned()))
            }
        }
    }
}

impl fmt::Display for CloseFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            None => f.write_str("no code"),
            Some((code, reason)) if reason.as_str().is_empty() => code.fmt(f),
            Some((code, reason)) => write!(f, "{code} {reason}"),
        }
    }
}

/// A close frame of the peer that RFC 6455 forbids (sections 5.5.1, 7.4 and 8.1).
///
/// The peer reads 1002 for a code or a length that the protocol forbids, and 1007 for a reason that is not UTF-8.
/// Libraries answer such frames in different ways, and some echo a code that must not be sent, so the guard replaces
/// their answer by [`answer`](Self::answer).
///
/// ```
/// use portcullis_core::{CloseFrame, MalformedClose};
///
/// // 1005, "no status received", must not appear in a frame (RFC 6455, section 7.4.1).
/// let error = CloseFrame::parse(&1005_u16.to_be_bytes()).unwrap_err();
/// assert_eq!(error, MalformedClose::Code(1005));
/// assert_eq!(error.to_string(), "malformed close: code 1005 may not be sent");
/// assert_eq!(error.answer().to_string(), "1002 close code that may not be sent");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum MalformedClose {
    /// A payload of one byte.
    OneByte,
    /// A code that may not be sent.
    Code(u16),
    /// A reason that is not UTF-8.
    Reason,
}

impl MalformedClose {
    /// Returns the close frame to answer with.
    pub fn answer(self) -> CloseFrame {
        match self {
            Self::OneByte => CloseFrame::new(CloseCode::PROTOCOL_ERROR, "close frame of one byte"),
            Self::Code(_) => CloseFrame::new(CloseCode::PROTOCOL_ERROR, "close code that may not be sent"),
            Self::Reason => CloseFrame::new(CloseCode::INVALID_PAYLOAD, "close reason is not UTF-8"),
        }
    }
}

impl fmt::Display for MalformedClose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OneByte => f.write_str("malformed close: a payload of one byte"),
            Self::Code(code) => write!(f, "malformed close: code {code} may not be sent"),
            Self::Reason => f.write_str("malformed close: the reason is not UTF-8"),
        }
    }
}

impl Error for MalformedClose {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn malformed_closes_are_answered_as_the_rfc_asks() {
        for (payload, answer) in [
            (&b"\x03"[..], 1002),
            (b"\x03\xee", 1002),
            (b"\x03\xed", 1002),
            (b"\x00\x00", 1002),
            (b"\x13\x88", 1002),
            (b"\x03\xe8\xff", 1007),
        ] {
            let code = CloseFrame::parse(payload).unwrap_err().answer().code();
            assert_eq!(code.map(CloseCode::as_u16), Some(answer), "{payload:?}");
        }
        assert_eq!(CloseFrame::parse(b"").unwrap(), CloseFrame::empty());
        assert_eq!(CloseFrame::parse(b"\x03\xe8ok").unwrap(), CloseFrame::new(CloseCode::NORMAL, "ok"));
    }
}
