//! Reads messages of a serde type from the socket of any WebSocket library.
//!
//! Handlers that parse by hand tend to miss what can go wrong: a message that is not JSON, one of the wrong shape, a
//! binary one, one of 60 MiB that is parsed before its size is checked. Each has a close code of its own.
//!
//! - [`JsonMessages`] reads a single message: JSON in a text message, of at most 64 KiB by default.
//! - [`JsonMessages::over`] wraps a socket that is a stream, and passes on what is sent.
//! - A message that cannot be read is a [`WrongMessage`], which converts into the close frame: 1009 if it is too big,
//!   1003 if it is binary where only text is read, 1007 with the path to the error if it is not JSON or has another
//!   shape, and otherwise what the application's own check returned.
//!
//! **What this does not do**: limit what the library buffers. The size limit here protects the parser; the library has
//! read the whole message before.
//!
//! ```
//! use portcullis_close::messages::{JsonMessages, Payload};
//! use portcullis_core::{CloseCode, CloseFrame, IntoClose};
//!
//! #[derive(Debug, PartialEq, serde::Deserialize)]
//! struct Join {
//!     rooms: Vec<String>,
//! }
//!
//! let messages = JsonMessages::<Join>::new().validate(|join| match join.rooms.len() {
//!     0..=10 => Ok(()),
//!     _ => Err((CloseCode::POLICY_VIOLATION, "too many rooms")),
//! });
//!
//! let join = messages.read(&Payload::Text(br#"{"rooms": ["lobby"]}"#)).unwrap();
//! assert_eq!(join, Some(Join { rooms: vec!["lobby".into()] }));
//!
//! let wrong = messages.read(&Payload::Text(br#"{"rooms": ["lobby", 5]}"#)).unwrap_err();
//! assert_eq!(wrong.into_close(), CloseFrame::new(CloseCode::INVALID_PAYLOAD, "invalid message: rooms[1]"));
//! ```

mod json;
mod libraries;
mod payload;
mod typed;
mod wrong;

pub use self::{
    json::JsonMessages,
    payload::{Message, Payload, Received},
    typed::{ReadError, Typed},
    wrong::WrongMessage,
};
