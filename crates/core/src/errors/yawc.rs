//! yawc 0.5: it says itself which of its errors are errors of protocol.
//!
//! ```
//! # #[cfg(feature = "yawc-0-5")] {
//! use portcullis_core::IntoClose;
//! use yawc::WebSocketError;
//!
//! assert_eq!(WebSocketError::FrameTooLarge.into_close().to_string(), "1009 message too big");
//! assert_eq!(WebSocketError::ConnectionClosed.into_close().code(), None);
//! # }
//! ```

use ::yawc::WebSocketError as Error;

use crate::errors::class::{Class, sorted};

fn class(error: &Error) -> Class {
    match error {
        Error::ConnectionClosed | Error::IoError(_) => Class::Gone,
        Error::FrameTooLarge => Class::TooBig,
        Error::InvalidUTF8 => Class::BadData,
        error if error.is_protocol_error() => Class::Protocol,
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
            (Error::IoError(std::io::ErrorKind::BrokenPipe.into()), None),
            (Error::FrameTooLarge, Some(1009)),
            (Error::InvalidUTF8, Some(1007)),
            (Error::InvalidFragment, Some(1002)),
            (Error::CompressionNotSupported, Some(1002)),
            (Error::TlsDisabled, Some(1011)),
        ]);
    }
}
