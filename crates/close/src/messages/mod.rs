//! Messages of a serde type, read from any library's socket.
//!
//! A handler that parses by hand forgets what may go wrong: the message that is no JSON, the one of the wrong shape,
//! the binary one, the one of 60 MiB that is parsed before anybody looks. Each deserves a close code of its own.
//!
//! - [`JsonMessages`] reads one message: a text message of JSON, of at most 64 KiB unless told otherwise.
//! - [`JsonMessages::over`] reads a socket that is a stream, and sends as the socket does.
//! - What is wrong is a [`WrongMessage`], which says how the connection closes: too big is 1009, a binary message where
//!   only text is read is 1003, JSON that is none or of another shape is 1007 with the path to what is wrong, and what
//!   the application's own check refuses is what that says.
//!
//! **What this does not do**: limit what the library buffers. A size limit here spares the parser; the library has read
//! the message by then.
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
