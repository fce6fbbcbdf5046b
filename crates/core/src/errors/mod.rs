//! What the errors of WebSocket libraries mean as the end of a connection.
//!
//! The implementations of [`IntoClose`](crate::IntoClose) stand here, behind a feature for each library, because only
//! the crate of the trait may write them. Whatever the library calls it, an error is of one of these classes:
//!
//! | Class | Close code |
//! | --- | --- |
//! | the peer is gone, or has closed | none: nobody is told |
//! | a message or a frame is too big | 1009 |
//! | the data is not what it says it is: text that is not UTF-8, JSON that is none | 1007 |
//! | the peer broke the protocol | 1002 |
//! | the peer reads too slowly | 1013 |
//! | anything else, such as an error of a client's handshake | 1011, and the log has it |
//!
//! ```
//! # #[cfg(feature = "tungstenite-0-29")] {
//! use portcullis_core::{CloseCode, IntoClose};
//! use tungstenite_0_29::{Error, error::CapacityError};
//!
//! let error = Error::from(CapacityError::MessageTooLong { size: 2, max_size: 1 });
//! assert_eq!(error.into_close().code(), Some(CloseCode::MESSAGE_TOO_BIG));
//! # }
//! ```

#[cfg(feature = "axum-ws")]
mod axum;
#[cfg(feature = "fastwebsockets")]
mod fastwebsockets;
#[cfg(feature = "json")]
mod json;
#[cfg(feature = "tokio-websockets")]
mod tokio_websockets;
#[cfg(any(feature = "tungstenite-0-29", feature = "tungstenite-0-30"))]
mod tungstenite;
#[cfg(feature = "yawc")]
mod yawc;

use crate::close::{CloseCode, CloseFrame};

/// What went wrong, whatever the library calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(feature = "tungstenite-0-29"), allow(dead_code, reason = "not every library knows every class"))]
enum Class {
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
        feature = "fastwebsockets",
        feature = "tokio-websockets",
        feature = "tungstenite-0-29",
        feature = "tungstenite-0-30",
        feature = "yawc"
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
                ($class(self) == crate::errors::Class::Internal).then_some(self)
            }
        }
    };
}
#[allow(unused_imports, reason = "not every library sorts so")]
use sorted;

/// Checks which code each error closes with, and that those of 1011 are in the log.
#[cfg(test)]
#[cfg_attr(not(feature = "tungstenite-0-29"), allow(dead_code, reason = "not every library sorts so"))]
fn have_their_codes<E: crate::close::IntoClose + std::fmt::Display>(
    errors: impl IntoIterator<Item = (E, Option<u16>)>,
) {
    for (error, code) in errors {
        let name = error.to_string();
        assert_eq!(error.internal().is_some(), code == Some(1011), "{name}");
        assert_eq!(error.into_close().code().map(CloseCode::as_u16), code, "{name}");
    }
}
