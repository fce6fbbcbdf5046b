//! fastwebsockets 0.10: its errors name each broken rule, and are sorted one by one.
//!
//! ```
//! # #[cfg(feature = "fastwebsockets-0-10")] {
//! use fastwebsockets::WebSocketError;
//! use portcullis_core::IntoClose;
//!
//! assert_eq!(WebSocketError::FrameTooLarge.into_close().to_string(), "1009 message too big");
//! assert_eq!(WebSocketError::InvalidUTF8.into_close().to_string(), "1007 invalid data");
//! assert_eq!(WebSocketError::UnexpectedEOF.into_close().code(), None);
//! # }
//! ```

use ::fastwebsockets::WebSocketError as Error;

use crate::errors::class::{Class, sorted};

fn class(error: &Error) -> Class {
    match error {
        Error::ConnectionClosed | Error::UnexpectedEOF | Error::IoError(_) => Class::Gone,
        Error::FrameTooLarge => Class::TooBig,
        Error::InvalidUTF8 => Class::BadData,
        Error::InvalidFragment
        | Error::InvalidContinuationFrame
        | Error::InvalidCloseFrame
        | Error::InvalidCloseCode
        | Error::ReservedBitsNotZero
        | Error::ControlFrameFragmented
        | Error::PingFrameTooLarge
        | Error::InvalidValue => Class::Protocol,
        _ => Class::Internal,
    }
}

sorted!(Error, class);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::errors::class::have_their_codes;

    #[test]
    fn each_class_has_its_code() {
        have_their_codes([
            (Error::ConnectionClosed, None),
            (Error::UnexpectedEOF, None),
            (Error::FrameTooLarge, Some(1009)),
            (Error::InvalidUTF8, Some(1007)),
            (Error::InvalidCloseCode, Some(1002)),
            (Error::ReservedBitsNotZero, Some(1002)),
            (Error::InvalidUpgradeHeader, Some(1011)),
        ]);
    }
}
