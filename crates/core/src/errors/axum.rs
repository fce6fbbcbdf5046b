//! The error of axum's `WebSocket`, which holds one of tungstenite 0.29.

use std::error::Error;

use crate::close::{CloseFrame, IntoClose};

/// Maps the error of axum's WebSocket; any other error of axum is 1011, without its text.
impl IntoClose for axum_core::Error {
    fn into_close(self) -> CloseFrame {
        match self.into_inner().downcast::<tungstenite_0_29::Error>() {
            Ok(error) => error.into_close(),
            Err(_) => CloseFrame::internal_error(),
        }
    }

    fn internal(&self) -> Option<&(dyn Error + 'static)> {
        match self.source().and_then(|source| source.downcast_ref::<tungstenite_0_29::Error>()) {
            Some(error) => error.internal(),
            None => Some(self),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::close::CloseCode;

    #[test]
    fn what_tungstenite_said_decides() {
        let error = axum_core::Error::new(tungstenite_0_29::Error::Utf8("bad".into()));
        assert!(error.internal().is_none());
        assert_eq!(error.into_close().code(), Some(CloseCode::INVALID_PAYLOAD));
        let error = axum_core::Error::new(tungstenite_0_29::Error::ConnectionClosed);
        assert!(error.internal().is_none());
        assert_eq!(error.into_close(), CloseFrame::empty());
    }

    #[test]
    fn another_error_is_ours_and_stays_in_the_log() {
        let error = axum_core::Error::new("the database is away");
        assert_eq!(error.internal().map(ToString::to_string).as_deref(), Some("the database is away"));
        assert_eq!(error.into_close(), CloseFrame::internal_error());
    }
}
