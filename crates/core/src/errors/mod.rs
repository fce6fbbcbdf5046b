//! Maps the errors of WebSocket libraries to close codes.
//!
//! The implementations of [`IntoClose`](crate::IntoClose) stand here, behind a feature for each library, because only
//! the crate of the trait may write them. Whatever the library calls it, an error is of one of these classes:
//!
//! | Class | Close code |
//! | --- | --- |
//! | the peer is gone, or has closed | none: there is no one to read it |
//! | a message or a frame is too big | 1009 |
//! | the data does not match its type: text that is not UTF-8, invalid JSON | 1007 |
//! | the peer violated the protocol | 1002 |
//! | the peer reads too slowly | 1013 |
//! | anything else, such as an error of a client's handshake | 1011, and the log has it |
//!
//! ```
//! # #[cfg(feature = "tungstenite-0-29")] {
//! use portcullis_core::{CloseCode, IntoClose};
//! use tungstenite_0_29::{Error, error::CapacityError};
//!
//! let error = Error::from(CapacityError::MessageTooLong { size: 2, max_size: 1 });
//! assert_eq!(error.into_close().code(), Some(CloseCode::MESSAGE_TOO_BIG));
//! # }
//! ```

#[cfg(feature = "axum-ws")]
mod axum;
mod class;
#[cfg(feature = "fastwebsockets-0-10")]
mod fastwebsockets;
#[cfg(feature = "json")]
mod json;
#[cfg(feature = "tokio-websockets-0-13")]
mod tokio_websockets;
#[cfg(any(feature = "tungstenite-0-29", feature = "tungstenite-0-30"))]
mod tungstenite;
#[cfg(feature = "yawc-0-5")]
mod yawc;
