//! Why a token was not accepted, with the label, response and close frame of each reason.

use std::{borrow::Cow, error::Error, fmt, time::Duration};

use http::{HeaderValue, StatusCode, header::WWW_AUTHENTICATE};
use portcullis_core::{
    CloseCode, CloseFrame, IntoClose,
    refusal::{Kind, Refusal},
};

/// `Retry-After` for a client whose token could not be verified now.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// Why a token was not accepted.
///
/// ```
/// use portcullis_core::IntoClose;
/// use portcullis_jwt::TokenError;
///
/// for (error, status, challenge, frame) in [
///     (TokenError::Missing, 401, Some("Bearer"), "3000 token missing"),
///     (TokenError::Expired, 401, Some("Bearer error=\"invalid_token\""), "3000 token expired"),
///     (TokenError::Forbidden("no"), 403, Some("Bearer error=\"insufficient_scope\""), "3003 forbidden: no"),
///     (TokenError::Unavailable, 503, None, "1013 authentication unavailable"),
/// ] {
///     let response = error.refusal().into_response::<()>();
///     assert_eq!(response.status(), status);
///     assert_eq!(response.headers().get("www-authenticate").map(|value| value.to_str().unwrap()), challenge);
///     assert_eq!(error.into_close().to_string(), frame);
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TokenError {
    /// There is no token.
    Missing,
    /// The request does not carry it as a token is carried: it is repeated, too long, or not text.
    Malformed(&'static str),
    /// It is not a valid token of the accepted issuers. The message says what is wrong, without the token's content.
    Invalid(&'static str),
    /// It has expired.
    Expired,
    /// It is not valid yet (`nbf`).
    NotYetValid,
    /// It was revoked.
    Revoked,
    /// It is a single-use token that was already used.
    Used,
    /// It is valid, but does not allow this.
    Forbidden(&'static str),
    /// It cannot be verified now, because the issuer's keys are not available or the verification took too long.
    Unavailable,
    /// It is valid as far as this node knows, but the store that nodes share is unreachable.
    LimitsUnavailable,
}

impl TokenError {
    /// Returns the kind of the refusal, by which it is counted and logged.
    pub fn kind(self) -> Kind {
        match self {
            Self::Missing => Kind::TOKEN_MISSING,
            Self::Malformed(_) => Kind::TOKEN_MALFORMED,
            Self::Invalid(_) => Kind::TOKEN_INVALID,
            Self::Expired => Kind::TOKEN_EXPIRED,
            Self::NotYetValid => Kind::TOKEN_NOT_YET_VALID,
            Self::Revoked => Kind::TOKEN_REVOKED,
            Self::Used => Kind::TOKEN_USED,
            Self::Forbidden(_) => Kind::TOKEN_FORBIDDEN,
            Self::Unavailable => Kind::ISSUER_UNAVAILABLE,
            Self::LimitsUnavailable => Kind::LIMITS_UNAVAILABLE,
        }
    }

    /// Returns the close frame for a client that cannot read a status, or whose connection is open already.
    pub fn close_frame(self) -> CloseFrame {
        let code = match self {
            Self::Forbidden(_) => CloseCode::FORBIDDEN,
            Self::Unavailable | Self::LimitsUnavailable => CloseCode::TRY_AGAIN_LATER,
            _ => CloseCode::UNAUTHORIZED,
        };
        CloseFrame::new(code, self.text())
    }

    /// Returns the refusal of a handshake: 401, 403, or 400 for a malformed token, with `WWW-Authenticate` (RFC 6750,
    /// section 3); or 503 with `Retry-After`.
    pub fn refusal(self) -> Refusal {
        let (status, challenge) = match self {
            Self::Missing => (StatusCode::UNAUTHORIZED, Some("Bearer")),
            Self::Malformed(_) => (StatusCode::BAD_REQUEST, Some("Bearer error=\"invalid_request\"")),
            Self::Forbidden(_) => (StatusCode::FORBIDDEN, Some("Bearer error=\"insufficient_scope\"")),
            Self::Unavailable | Self::LimitsUnavailable => (StatusCode::SERVICE_UNAVAILABLE, None),
            _ => (StatusCode::UNAUTHORIZED, Some("Bearer error=\"invalid_token\"")),
        };
        let refusal = Refusal::new(self.kind(), status).with_close_frame(self.close_frame()).with_message(self.text());
        let refusal = if self.is_failed() { refusal.failed_authentication() } else { refusal };
        match challenge {
            Some(challenge) => refusal.with_header(WWW_AUTHENTICATE, HeaderValue::from_static(challenge)),
            None => refusal.with_retry_after(RETRY_AFTER),
        }
    }

    /// What is wrong, and why, if there is more to be said than what.
    fn words(self) -> [&'static str; 2] {
        match self {
            Self::Missing => ["token missing", ""],
            Self::Malformed(why) => ["malformed token: ", why],
            Self::Invalid(why) => ["invalid token: ", why],
            Self::Expired => ["token expired", ""],
            Self::NotYetValid => ["token not yet valid", ""],
            Self::Revoked => ["token revoked", ""],
            Self::Used => ["token already used", ""],
            Self::Forbidden(why) => ["forbidden: ", why],
            Self::Unavailable => ["authentication unavailable", ""],
            Self::LimitsUnavailable => ["try again later", ""],
        }
    }

    /// As [`Display`](fmt::Display) has it. A client that tries tokens causes many of these, so they are not formatted.
    fn text(self) -> Cow<'static, str> {
        match self.words() {
            [what, ""] => Cow::Borrowed(what),
            words => Cow::Owned(words.concat()),
        }
    }

    /// Returns true if the token cost a verification that failed.
    fn is_failed(self) -> bool {
        match self {
            Self::Invalid(_) | Self::Expired | Self::NotYetValid | Self::Revoked | Self::Used => true,
            Self::Missing | Self::Malformed(_) | Self::Forbidden(_) | Self::Unavailable | Self::LimitsUnavailable => {
                false
            }
        }
    }
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [what, why] = self.words();
        f.write_str(what)?;
        f.write_str(why)
    }
}

impl Error for TokenError {}

/// Returns [`TokenError::close_frame`], for handlers that close when a session cannot be renewed.
impl IntoClose for TokenError {
    fn into_close(self) -> CloseFrame {
        self.close_frame()
    }
}
