//! tungstenite, in the version that axum stands on and in the newest.
//!
//! Both versions may be in one build: axum brings one, and an application may use the other. The match ends with a
//! wildcard, as the error may grow; what is new is 1011 and in the log until it is sorted here.
//!
//! ```
//! # #[cfg(feature = "tungstenite-0-30")] {
//! use portcullis_core::IntoClose;
//! use tungstenite_0_30::{Error, error::ProtocolError};
//!
//! assert!(Error::ConnectionClosed.into_close().code().is_none(), "no one is left to read a code");
//! let error = Error::Protocol(ProtocolError::InvalidOpcode(3));
//! assert!(error.internal().is_none(), "the peer is at fault, so nothing is logged");
//! assert_eq!(error.into_close().to_string(), "1002 protocol error");
//! # }
//! ```

use crate::errors::class::{Class, sorted};

macro_rules! version {
    ($tungstenite:ident) => {
        mod $tungstenite {
            use $tungstenite::error::{CapacityError, Error, ProtocolError};

            use super::{Class, sorted};

            fn class(error: &Error) -> Class {
                match error {
                    Error::ConnectionClosed | Error::AlreadyClosed | Error::Io(_) => Class::Gone,
                    // What is behind these is a peer that left, and a handler that sent after its own close.
                    Error::Protocol(ProtocolError::ResetWithoutClosingHandshake | ProtocolError::SendAfterClosing) => {
                        Class::Gone
                    }
                    Error::Capacity(CapacityError::MessageTooLong { .. }) => Class::TooBig,
                    Error::Utf8(_) => Class::BadData,
                    Error::Protocol(_) | Error::AttackAttempt => Class::Protocol,
                    Error::WriteBufferFull(_) => Class::SlowConsumer,
                    _ => Class::Internal,
                }
            }

            sorted!(Error, class);
        }
    };
}

#[cfg(feature = "tungstenite-0-29")]
version!(tungstenite_0_29);
#[cfg(feature = "tungstenite-0-30")]
version!(tungstenite_0_30);

#[cfg(all(test, feature = "tungstenite-0-29"))]
mod tests {
    use std::io;

    use tungstenite_0_29::{
        Message,
        error::{CapacityError, Error, ProtocolError, UrlError},
    };

    use crate::errors::class::have_their_codes;

    #[test]
    fn each_class_has_its_code() {
        have_their_codes([
            (Error::ConnectionClosed, None),
            (Error::AlreadyClosed, None),
            (Error::Io(io::ErrorKind::ConnectionReset.into()), None),
            (Error::Protocol(ProtocolError::ResetWithoutClosingHandshake), None),
            (Error::Protocol(ProtocolError::SendAfterClosing), None),
            (Error::Capacity(CapacityError::MessageTooLong { size: 2, max_size: 1 }), Some(1009)),
            (Error::Utf8(String::new()), Some(1007)),
            (Error::Protocol(ProtocolError::NonZeroReservedBits), Some(1002)),
            (Error::Protocol(ProtocolError::InvalidOpcode(3)), Some(1002)),
            (Error::WriteBufferFull(Box::new(Message::text("late"))), Some(1013)),
            (Error::Url(UrlError::NoHostName), Some(1011)),
        ]);
    }
}
