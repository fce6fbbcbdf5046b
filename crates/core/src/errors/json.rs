//! serde_json: a message that cannot be read, and how much of that a client may learn.
//!
//! ```
//! # #[cfg(feature = "json")] {
//! use portcullis_core::IntoClose;
//!
//! let error = serde_json::from_str::<Vec<u8>>("[1,\n 300]").unwrap_err();
//! assert!(error.internal().is_none(), "the client has sent it");
//! assert_eq!(error.into_close().to_string(), "1007 invalid JSON at line 2 column 4");
//! # }
//! ```

use std::error::Error;

use crate::close::{CloseCode, CloseFrame, IntoClose};

/// 1007 and the position of the error, but not serde's message, which may name the application's own types. An error of
/// the reader or writer is 1011.
impl IntoClose for serde_json::Error {
    fn into_close(self) -> CloseFrame {
        if self.is_io() {
            return CloseFrame::internal_error();
        }
        let reason = format!("invalid JSON at line {} column {}", self.line(), self.column());
        CloseFrame::new(CloseCode::INVALID_PAYLOAD, reason)
    }

    fn internal(&self) -> Option<&(dyn Error + 'static)> {
        self.is_io().then_some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_text_is_invalid_data_and_says_where() {
        for (text, reason) in [
            ("[1,", "invalid JSON at line 1 column 3"),
            ("[1,\n\"a\"]", "invalid JSON at line 2 column 3"),
            ("{}", "invalid JSON at line 1 column 0"),
        ] {
            let error = serde_json::from_str::<Vec<u8>>(text).unwrap_err();
            assert!(error.internal().is_none());
            assert_eq!(error.into_close(), CloseFrame::new(CloseCode::INVALID_PAYLOAD, reason.to_owned()), "{text}");
        }
    }

    #[test]
    fn a_reader_that_fails_is_ours() {
        let error = serde_json::Error::io(std::io::ErrorKind::NotFound.into());
        assert!(error.internal().is_some());
        assert_eq!(error.into_close().code(), Some(CloseCode::INTERNAL_ERROR));
    }
}
