//! tokio-websockets 0.13.

use ::tokio_websockets::{Error, proto::ProtocolError};

use crate::errors::{Class, sorted};

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
    use crate::close::{CloseCode, IntoClose};

    #[test]
    fn each_class_has_its_code() {
        for (error, code) in [
            (Error::AlreadyClosed, None),
            (Error::Io(std::io::ErrorKind::BrokenPipe.into()), None),
            (Error::PayloadTooLong { len: 2, max_len: 1 }, Some(1009)),
            (Error::Protocol(ProtocolError::InvalidUtf8), Some(1007)),
            (Error::Protocol(ProtocolError::InvalidOpcode), Some(1002)),
            (Error::CannotResolveHost, Some(1011)),
        ] {
            let name = error.to_string();
            assert_eq!(error.internal().is_some(), code == Some(1011), "{name}");
            assert_eq!(error.into_close().code().map(CloseCode::as_u16), code, "{name}");
        }
    }
}
