//! The classes that errors are sorted into, and what each means as a close frame.
//!
//! A library's error says what went wrong, and this says whose concern it is: the peer's, which reads a code, or the
//! application's, which reads the log. `Internal` is the only class that is logged. All others are what a peer can
//! bring about at will, and would let it fill the log.

use crate::close::{CloseCode, CloseFrame};

/// What went wrong, whatever the library calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(feature = "tungstenite-0-29"), allow(dead_code, reason = "not every library knows every class"))]
pub(super) enum Class {
    Gone,
    TooBig,
    BadData,
    Protocol,
    SlowConsumer,
    Internal,
}

impl From<Class> for CloseFrame {
    fn from(class: Class) -> Self {
        match class {
            Class::Gone => Self::empty(),
            Class::TooBig => Self::new(CloseCode::MESSAGE_TOO_BIG, "message too big"),
            Class::BadData => Self::new(CloseCode::INVALID_PAYLOAD, "invalid data"),
            Class::Protocol => Self::new(CloseCode::PROTOCOL_ERROR, "protocol error"),
            Class::SlowConsumer => Self::new(CloseCode::TRY_AGAIN_LATER, "reads too slowly"),
            Class::Internal => Self::internal_error(),
        }
    }
}

/// `IntoClose` for an error that a function sorts into a class.
#[cfg_attr(
    not(any(
        feature = "fastwebsockets-0-10",
        feature = "tokio-websockets-0-13",
        feature = "tungstenite-0-29",
        feature = "tungstenite-0-30",
        feature = "yawc-0-5"
    )),
    allow(unused_macros, reason = "not every library sorts so")
)]
macro_rules! sorted {
    ($error:ty, $class:path) => {
        impl crate::close::IntoClose for $error {
            fn into_close(self) -> crate::close::CloseFrame {
                $class(&self).into()
            }

            fn internal(&self) -> Option<&(dyn std::error::Error + 'static)> {
                ($class(self) == crate::errors::class::Class::Internal).then_some(self)
            }
        }
    };
}
#[allow(unused_imports, reason = "not every library sorts so")]
pub(super) use sorted;

/// Checks which code each error closes with, and that those of 1011 are in the log.
#[cfg(test)]
#[cfg_attr(not(feature = "tungstenite-0-29"), allow(dead_code, reason = "not every library sorts so"))]
pub(super) fn have_their_codes<E: crate::close::IntoClose + std::fmt::Display>(
    errors: impl IntoIterator<Item = (E, Option<u16>)>,
) {
    for (error, code) in errors {
        let name = error.to_string();
        assert_eq!(error.internal().is_some(), code == Some(1011), "{name}");
        assert_eq!(error.into_close().code().map(CloseCode::as_u16), code, "{name}");
    }
}
