//! tokio-websockets 0.13: invalid UTF-8 is one of its protocol errors, and has to be distinguished from the others.

use ::tokio_websockets::{Error, proto::ProtocolError};

use crate::errors::class::{Class, sorted};

fn class(error: &Error) -> Class {
    match error {
        Error::AlreadyClosed | Error::Io(_) => Class::Gone,
        Error::PayloadTooLong { .. } => Class::TooBig,
        Error::Protocol(ProtocolError::InvalidUtf8) => Class::BadData,
        Error::Protocol(_) => Class::Protocol,
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
            (Error::AlreadyClosed, None),
            (Error::Io(std::io::ErrorKind::BrokenPipe.into()), None),
            (Error::PayloadTooLong { len: 2, max_len: 1 }, Some(1009)),
            (Error::Protocol(ProtocolError::InvalidUtf8), Some(1007)),
            (Error::Protocol(ProtocolError::InvalidOpcode), Some(1002)),
            (Error::CannotResolveHost, Some(1011)),
        ]);
    }
}
