//! What is wrong with a message: all that is known for the log, and no more than the place for the peer.

use std::{error::Error, fmt};

use portcullis_core::{CloseCode, CloseFrame, IntoClose};

/// An error that says why a message could not be read.
///
/// Its text, for a log, has all details. The close reason, which the peer reads, has only the place of the error.
///
/// ```
/// use portcullis_close::messages::{JsonMessages, Payload};
/// use portcullis_core::IntoClose;
///
/// #[derive(Debug, serde::Deserialize)]
/// struct Order {
///     #[serde(rename = "items")]
///     _items: Vec<u32>,
/// }
///
/// let wrong = JsonMessages::<Order>::new().read(&Payload::Text(br#"{"items": [1, "secret"]}"#)).unwrap_err();
/// assert_eq!(
///     wrong.to_string(),
///     r#"invalid message at items[1]: invalid type: string "secret", expected u32 at line 1 column 22"#,
/// );
/// assert_eq!(wrong.into_close().to_string(), "1007 invalid message: items[1]");
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum WrongMessage {
    /// More bytes than allowed: 1009.
    TooBig {
        /// The size of the message, in bytes.
        size: usize,
        /// The limit, in bytes.
        max_bytes: usize,
    },
    /// A binary message where only text is read: 1003.
    Binary,
    /// Not JSON, or JSON of another shape: 1007.
    Invalid {
        /// The place in the value, such as `rooms[1].name`. Empty if the value as a whole is wrong or is not JSON.
        path: String,
        /// The text of serde's error. It may quote the application's types and is not meant for the peer.
        error: serde_json::Error,
    },
    /// Refused by the check of the application, which chose the close frame.
    Refused(CloseFrame),
    /// A fragment: the handler reads frames where it should read messages. 1011.
    Fragment,
}

impl IntoClose for WrongMessage {
    fn into_close(self) -> CloseFrame {
        match self {
            Self::TooBig { max_bytes, .. } => {
                CloseFrame::new(CloseCode::MESSAGE_TOO_BIG, format!("more than {max_bytes} bytes"))
            }
            Self::Binary => CloseFrame::new(CloseCode::UNSUPPORTED_DATA, "binary message where text is read"),
            Self::Invalid { path, .. } if !path.is_empty() => {
                CloseFrame::new(CloseCode::INVALID_PAYLOAD, format!("invalid message: {path}"))
            }
            Self::Invalid { error, .. } if error.is_data() => {
                let reason = format!("invalid message at line {} column {}", error.line(), error.column());
                CloseFrame::new(CloseCode::INVALID_PAYLOAD, reason)
            }
            Self::Invalid { error, .. } => error.into_close(),
            Self::Refused(frame) => frame,
            Self::Fragment => CloseFrame::internal_error(),
        }
    }

    fn internal(&self) -> Option<&(dyn Error + 'static)> {
        matches!(self, Self::Fragment).then_some(self)
    }
}

impl fmt::Display for WrongMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooBig { size, max_bytes } => {
                write!(f, "a message of {size} bytes, of which {max_bytes} are allowed")
            }
            Self::Binary => f.write_str("a binary message where text is read"),
            Self::Invalid { path, error } if path.is_empty() => write!(f, "invalid message: {error}"),
            Self::Invalid { path, error } => write!(f, "invalid message at {path}: {error}"),
            Self::Refused(frame) => write!(f, "refused message: {frame}"),
            Self::Fragment => f.write_str("read a fragment: wrap the socket in what collects whole messages"),
        }
    }
}

// serde's error is part of the text, and so no source.
impl Error for WrongMessage {}
