//! Values that say how a connection closes: a handler's result, its errors, and codes themselves.
//!
//! What the peer reads and what the log gets are apart: [`IntoClose::into_close`] is for the peer, and must not contain
//! what only the application should know; [`IntoClose::internal`] is for the log, and is `None` where the peer is at
//! fault, so that a peer cannot fill the log.

use std::error::Error;

use super::{CloseCode, CloseFrame, CloseReason};

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
///
/// Codes, pairs of a code and a reason, frames and results of these are closes already:
///
/// ```
/// use portcullis_core::{CloseCode, IntoClose};
///
/// assert_eq!(().into_close().to_string(), "1000");
/// assert_eq!(CloseCode::GOING_AWAY.into_close().to_string(), "1001");
/// assert_eq!((CloseCode::POLICY_VIOLATION, "no such room").into_close().to_string(), "1008 no such room");
/// let result: Result<(), CloseCode> = Err(CloseCode::UNAUTHORIZED);
/// assert_eq!(result.into_close().to_string(), "3000");
///
/// // An error of unknown origin: its text is for the log alone.
/// let error: Box<dyn std::error::Error> = "password of db7 expired".into();
/// assert!(error.internal().is_some());
/// assert_eq!(error.into_close().to_string(), "1011 internal error");
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
