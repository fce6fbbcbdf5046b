//! Close codes, close reasons and close frames (RFC 6455, sections 5.5.1 and 7.4).
//!
//! These types can only hold what an endpoint may send: a [`CloseCode`] is never 1005, 1006 or 1015, and a
//! [`CloseReason`] never exceeds 123 bytes.
//!
//! ```
//! use portcullis_core::{CloseCode, CloseFrame, CloseReason};
//!
//! assert_eq!(CloseCode::new(4404).unwrap(), 4404);
//! assert!(CloseCode::new(1006).is_err());
//! assert_eq!(CloseFrame::new(CloseCode::NORMAL, "bye").to_string(), "1000 bye");
//! assert_eq!(CloseReason::new("x".repeat(200)).as_str().len(), 123);
//! ```

mod code;
mod frame;
mod into_close;
mod reason;

pub use self::{
    code::{CloseCode, InvalidCloseCode},
    frame::{CloseFrame, MalformedClose},
    into_close::IntoClose,
    reason::CloseReason,
};
