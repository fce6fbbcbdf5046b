//! Close codes, close reasons and close frames (RFC 6455, sections 5.5.1 and 7.4).
//!
//! These types can only hold what an endpoint may send: a [`CloseCode`] is never 1005, 1006 or 1015, and a
//! [`CloseReason`] never exceeds 123 bytes.
//!
//! ```
//! use portcullis_core::{CloseCode, CloseFrame, CloseReason};
//!
//! assert_eq!(CloseCode::new(4404).unwrap(), 4404);
//! assert!(CloseCode::new(1006).is_err());
//! assert_eq!(CloseFrame::new(CloseCode::NORMAL, "bye").to_string(), "1000 bye");
//! assert_eq!(CloseReason::new("x".repeat(200)).as_str().len(), 123);
//! ```

use std::{borrow::Cow, error::Error, fmt};

/// A close code that an endpoint may send: 1000 to 1003, 1007 to 1014, or 3000 to 4999.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CloseCode(u16);

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal;)*) => {
        impl CloseCode {
            $($(#[$doc])* pub const $name: Self = Self($code);)*
        }
    };
}

codes! {
    /// 1000: the connection has served its purpose.
    NORMAL = 1000;
    /// 1001: the endpoint is going away.
    GOING_AWAY = 1001;
    /// 1002: the peer violated the protocol.
    PROTOCOL_ERROR = 1002;
    /// 1003: a type of data that the endpoint does not accept.
    UNSUPPORTED_DATA = 1003;
    /// 1007: data that does not match the type of the message, such as text that is not UTF-8.
    INVALID_PAYLOAD = 1007;
    /// 1008: the message violates a policy.
    POLICY_VIOLATION = 1008;
    /// 1009: the message is too big.
    MESSAGE_TOO_BIG = 1009;
    /// 1010: the client requires an extension (sent by clients only).
    MANDATORY_EXTENSION = 1010;
    /// 1011: the server encountered an unexpected condition.
    INTERNAL_ERROR = 1011;
    /// 1012: the service is restarting; clients may reconnect.
    SERVICE_RESTART = 1012;
    /// 1013: try again later.
    TRY_AGAIN_LATER = 1013;
    /// 1014: a gateway received an invalid response. Most libraries refuse to receive this code.
    BAD_GATEWAY = 1014;
    /// 3000: the client is not authenticated.
    UNAUTHORIZED = 3000;
    /// 3003: the client is not allowed to do this.
    FORBIDDEN = 3003;
    /// 3008: a timeout.
    TIMEOUT = 3008;
}

impl CloseCode {
    /// Creates a close code from its number.
    ///
    /// ```
    /// use portcullis_core::CloseCode;
    ///
    /// for code in [1000, 1003, 1007, 1014, 3000, 4999] {
    ///     assert!(CloseCode::new(code).is_ok(), "{code}");
    /// }
    /// // 1005, 1006 and 1015 are what a library reports where no close frame arrived; no endpoint sends them.
    /// for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000] {
    ///     assert!(CloseCode::new(code).is_err(), "{code}");
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`InvalidCloseCode`] if an endpoint may not send it (RFC 6455, section 7.4).
    pub const fn new(code: u16) -> Result<Self, InvalidCloseCode> {
        match code {
            1000..=1003 | 1007..=1014 | 3000..=4999 => Ok(Self(code)),
            _ => Err(InvalidCloseCode(code)),
        }
    }

    /// Returns the number.
    pub const fn as_u16(self) -> u16 {
        self.0
    }
}

impl PartialEq<u16> for CloseCode {
    fn eq(&self, other: &u16) -> bool {
        self.0 == *other
    }
}

impl From<CloseCode> for u16 {
    fn from(code: CloseCode) -> Self {
        code.0
    }
}

impl TryFrom<u16> for CloseCode {
    type Error = InvalidCloseCode;

    fn try_from(code: u16) -> Result<Self, Self::Error> {
        Self::new(code)
    }
}

impl fmt::Debug for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CloseCode({})", self.0)
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The error for a number that is not a close code which an endpoint may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidCloseCode(u16);

impl fmt::Display for InvalidCloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid close code {}: it may not be sent", self.0)
    }
}

impl Error for InvalidCloseCode {}

/// The reason of a close, at most 123 bytes of UTF-8. A longer text is cut at a character boundary.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct CloseReason(Cow<'static, str>);

impl CloseReason {
    /// The maximum length in bytes: 125 of a control frame minus 2 of the code.
    pub const MAX_BYTES: usize = 123;

    /// Creates a reason, cut to 123 bytes.
    pub fn new(text: impl Into<Cow<'static, str>>) -> Self {
        let text = text.into();
        let end = text.floor_char_boundary_at(Self::MAX_BYTES);
        Self(match text {
            Cow::Borrowed(text) => Cow::Borrowed(&text[..end]),
            Cow::Owned(mut text) => {
                text.truncate(end);
                Cow::Owned(text)
            }
        })
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

trait FloorBoundary {
    fn floor_char_boundary_at(&self, at: usize) -> usize;
}

// `str::floor_char_boundary` is younger than the Rust this crate asks for.
impl FloorBoundary for str {
    fn floor_char_boundary_at(&self, at: usize) -> usize {
        if at >= self.len() {
            return self.len();
        }
        (0..=at).rev().find(|&at| self.is_char_boundary(at)).unwrap_or(0)
    }
}

impl<T: Into<Cow<'static, str>>> From<T> for CloseReason {
    fn from(text: T) -> Self {
        Self::new(text)
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A close frame: a code with a reason, or empty. The receiver of an empty one sees 1005, no status received.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct CloseFrame(Option<(CloseCode, CloseReason)>);

impl CloseFrame {
    /// Creates a frame with a code and a reason.
    pub fn new(code: CloseCode, reason: impl Into<CloseReason>) -> Self {
        Self(Some((code, reason.into())))
    }

    /// Creates a frame with 1011 and a reason without details, which belong into the log.
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

/// Converts a value into the close of a WebSocket, as `IntoResponse` converts one into an HTTP response.
///
/// `portcullis-derive` derives it. Written by hand:
///
/// ```
/// use std::error::Error;
/// use portcullis_core::{CloseFrame, IntoClose};
///
/// struct Database(std::io::Error);
///
/// impl IntoClose for Database {
///     fn into_close(self) -> CloseFrame {
///         CloseFrame::internal_error()
///     }
///
///     fn internal(&self) -> Option<&(dyn Error + 'static)> {
///         Some(&self.0)
///     }
/// }
///
/// let failed = Database(std::io::Error::other("password of db7 expired"));
/// assert_eq!(failed.internal().unwrap().to_string(), "password of db7 expired"); // for the log
/// assert_eq!(failed.into_close().to_string(), "1011 internal error"); // for the peer
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say how a connection closes",
    note = "derive `IntoClose` for it, or map it to a `CloseCode` or a `CloseFrame`",
    note = "for the error of a WebSocket library switch on the feature that is named after it: `axum-ws` for axum's"
)]
pub trait IntoClose {
    /// Returns the close frame.
    fn into_close(self) -> CloseFrame;

    /// Returns the error to log if the application itself is at fault. The peer does not see it.
    fn internal(&self) -> Option<&(dyn Error + 'static)> {
        None
    }
}

/// The connection has served its purpose: 1000.
impl IntoClose for () {
    fn into_close(self) -> CloseFrame {
        CloseFrame::new(CloseCode::NORMAL, "")
    }
}

impl<T: IntoClose, E: IntoClose> IntoClose for Result<T, E> {
    fn into_close(self) -> CloseFrame {
        self.map_or_else(IntoClose::into_close, IntoClose::into_close)
    }

    fn internal(&self) -> Option<&(dyn Error + 'static)> {
        self.as_ref().map_or_else(IntoClose::internal, IntoClose::internal)
    }
}

/// 1011, without the error's text.
impl IntoClose for Box<dyn Error + Send + Sync> {
    fn into_close(self) -> CloseFrame {
        CloseFrame::internal_error()
    }

    fn internal(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.as_ref())
    }
}

/// 1011, without the error's text.
impl IntoClose for Box<dyn Error> {
    fn into_close(self) -> CloseFrame {
        CloseFrame::internal_error()
    }

    fn internal(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.as_ref())
    }
}

impl IntoClose for std::convert::Infallible {
    fn into_close(self) -> CloseFrame {
        match self {}
    }
}

impl IntoClose for CloseFrame {
    fn into_close(self) -> CloseFrame {
        self
    }
}

impl IntoClose for CloseCode {
    fn into_close(self) -> CloseFrame {
        CloseFrame::new(self, "")
    }
}

impl<R: Into<CloseReason>> IntoClose for (CloseCode, R) {
    fn into_close(self) -> CloseFrame {
        CloseFrame::new(self.0, self.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_codes_that_may_be_sent_exist() {
        for code in 0..=u16::MAX {
            let legal = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
            assert_eq!(CloseCode::new(code).is_ok(), legal, "{code}");
        }
    }

    #[test]
    fn a_long_reason_is_cut_on_a_character() {
        let reason = CloseReason::new("é".repeat(100));
        assert_eq!(reason.as_str().len(), 122);
        assert_eq!(CloseReason::new("a".repeat(200)).as_str().len(), CloseReason::MAX_BYTES);
        assert_eq!(CloseReason::new("short").as_str(), "short");
    }

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
