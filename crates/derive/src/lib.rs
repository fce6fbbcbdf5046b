//! `#[derive(IntoClose)]`: what an error means as the end of a WebSocket, said where the error is defined.
//!
//! ```
//! use portcullis_core::{CloseCode, IntoClose as _};
//! use portcullis_derive::IntoClose;
//!
//! #[derive(Debug, IntoClose)]
//! enum ChatError {
//!     #[close(code = 4404, display)]
//!     NoSuchRoom(String),
//!     #[close(policy_violation, reason = "muted")]
//!     Muted,
//!     #[close(transparent)]
//!     Socket(CloseCode),
//!     Database(std::io::Error), // 1011, and its text stays here
//! }
//!
//! # impl std::fmt::Display for ChatError {
//! #     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str("no such room") }
//! # }
//! # impl std::error::Error for ChatError {}
//! assert_eq!(ChatError::NoSuchRoom("attic".into()).into_close().to_string(), "4404 no such room");
//! assert_eq!(ChatError::Muted.into_close().to_string(), "1008 muted");
//! assert_eq!(ChatError::Socket(CloseCode::GOING_AWAY).into_close().code(), Some(CloseCode::GOING_AWAY));
//! assert_eq!(ChatError::Database(std::io::Error::other("secret")).into_close().to_string(), "1011 internal error");
//! ```

mod attribute;
mod expand;

use proc_macro::TokenStream;
use proc_macro2::Span;
use syn::{DeriveInput, Ident, parse_macro_input};

/// Implements `IntoClose` for an enum or a struct, most often beside thiserror's `Error`.
///
/// On a variant, or on a struct:
///
/// - `#[close(code = 4404)]`: a close code that may be sent (RFC 6455, section 7.4); any other is a compile error.
/// - `#[close(policy_violation)]`: a registered code by its name, as `CloseCode` spells its constants: `normal`,
///   `going_away`, `protocol_error`, `unsupported_data`, `invalid_payload`, `policy_violation`, `message_too_big`,
///   `internal_error`, `service_restart`, `try_again_later`, `unauthorized`, `forbidden`, `timeout`.
/// - beside a code, `reason = "no such room"`: what the peer reads, at most 123 bytes.
/// - beside a code, `display`: the peer reads the error's own text.
/// - `#[close(transparent)]`: what the only field means, or the field marked `#[from]` or `#[source]`.
///
/// A variant without an attribute is the application's own fault: 1011, without its text, and logged where a handler
/// is supervised. Such a type must be an `Error`.
///
/// With thiserror's `#[from]`, the field that has it is transparent:
///
/// ```
/// # use std::{error::Error, fmt};
/// use portcullis_core::{CloseCode, CloseFrame, IntoClose as _};
/// use portcullis_derive::IntoClose;
///
/// /// A connection that sends what its user may not send.
/// #[derive(Debug, IntoClose)]
/// #[close(forbidden, reason = "read only")]
/// struct ReadOnly;
///
/// #[derive(Debug, IntoClose)]
/// enum RoomError {
///     #[close(transparent)]
///     ReadOnly(/* #[from] */ ReadOnly),
///     #[close(try_again_later, display)]
///     Full { seats: u32 },
///     Database(std::io::Error),
/// }
///
/// # impl fmt::Display for RoomError {
/// #     fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
/// #         match self {
/// #             Self::Full { seats } => write!(f, "all {seats} seats are taken"),
/// #             Self::Database(error) => error.fmt(f),
/// #             Self::ReadOnly(_) => f.write_str("read only"),
/// #         }
/// #     }
/// # }
/// # impl Error for RoomError {}
/// assert_eq!(RoomError::ReadOnly(ReadOnly).into_close(), CloseFrame::new(CloseCode::FORBIDDEN, "read only"));
/// assert_eq!(RoomError::Full { seats: 8 }.into_close().to_string(), "1013 all 8 seats are taken");
///
/// // What is the application's fault is for the log, not for the peer.
/// let failed = RoomError::Database(std::io::Error::other("no route to 10.0.0.7"));
/// assert_eq!(failed.internal().unwrap().to_string(), "no route to 10.0.0.7");
/// assert_eq!(failed.into_close().to_string(), "1011 internal error");
/// assert!(RoomError::Full { seats: 8 }.internal().is_none());
/// ```
///
/// A code that no endpoint may send does not compile:
///
/// ```compile_fail
/// # use portcullis_derive::IntoClose;
/// #[derive(IntoClose)]
/// #[close(code = 1006, reason = "connection lost")]
/// struct Lost;
/// ```
///
/// Neither does a reason that does not fit into a close frame:
///
/// ```compile_fail
/// # use portcullis_derive::IntoClose;
/// #[derive(IntoClose)]
/// #[close(
///     policy_violation,
///     reason = "a reason of more than one hundred and twenty-three bytes, \
///               for which a control frame of 125 bytes has no room beside the two of its code"
/// )]
/// struct Verbose;
/// ```
///
/// Nor does an error that does not say what it means, and is not an `Error` that could be logged:
///
/// ```compile_fail
/// # use portcullis_derive::IntoClose;
/// #[derive(IntoClose)]
/// struct Silent;
/// ```
#[proc_macro_derive(IntoClose, attributes(close))]
pub fn into_close(input: TokenStream) -> TokenStream {
    derive(input, "portcullis_core")
}

/// The same, where the trait comes from the facade.
#[doc(hidden)]
#[proc_macro_derive(IntoCloseOfFacade, attributes(close))]
pub fn into_close_of_facade(input: TokenStream) -> TokenStream {
    derive(input, "portcullis")
}

fn derive(input: TokenStream, from: &str) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    let from = Ident::new(from, Span::call_site());
    expand::into_close(&input, &from).unwrap_or_else(|error| error.to_compile_error()).into()
}

/// The example of the README, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
