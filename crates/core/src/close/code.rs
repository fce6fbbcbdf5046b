//! Close codes: which numbers an endpoint may send, and what the registered ones mean.
//!
//! What may be sent is narrower than what may be registered. RFC 6455, section 7.4.1, reserves 1004, and keeps 1005,
//! 1006 and 1015 for what a library reports to its application where no such frame arrived. Section 7.4.2 leaves 0 to
//! 999 unused and 1016 to 2999 to future versions of the protocol; 3000 to 3999 are registered with IANA, and 4000 to
//! 4999 are the application's own. Browsers let a script pass 1000 and 3000 to 4999 only; a server may send the others,
//! and they arrive in `CloseEvent.code`.

use std::{error::Error, fmt};

/// A close code that an endpoint may send: 1000 to 1003, 1007 to 1014, or 3000 to 4999.
///
/// The constants are the codes that RFC 6455, section 7.4.1, and the IANA registry define. Codes from 4000 on are for
/// applications; choose one for each thing that a client is to do about a close.
///
/// ```
/// use portcullis_core::CloseCode;
///
/// // A protocol of its own: the client shows a dialogue for this code, and reconnects for any other.
/// const KICKED: CloseCode = match CloseCode::new(4001) {
///     Ok(code) => code,
///     Err(_) => panic!("4000 to 4999 are for applications"),
/// };
/// assert_eq!(KICKED.as_u16(), 4001);
/// assert_eq!(CloseCode::try_from(1013), Ok(CloseCode::TRY_AGAIN_LATER));
/// assert!(CloseCode::TRY_AGAIN_LATER < KICKED, "ordered by number");
/// ```
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
///
/// ```
/// use portcullis_core::CloseCode;
///
/// let error = CloseCode::new(1006).unwrap_err();
/// assert_eq!(error.to_string(), "invalid close code 1006: it may not be sent");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidCloseCode(u16);

impl fmt::Display for InvalidCloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid close code {}: it may not be sent", self.0)
    }
}

impl Error for InvalidCloseCode {}

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
}
