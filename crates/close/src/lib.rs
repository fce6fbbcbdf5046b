//! Refused WebSocket handshakes as close codes.
//!
//! A browser shows every refused handshake to its page as 1006, without a reason: a script cannot tell an expired token
//! from a full server, so it retries what will never work, or gives up on what would. An accepted handshake that is
//! closed at once can say why.
//!
//! [`CloseLayer`] stands outermost. What an inner layer refuses, or a handler answers with anything but an upgrade,
//!
//! - goes out as the HTTP status to clients that can read it: those that send neither `Origin` nor
//!   `Sec-WebSocket-Protocol`;
//! - is accepted and closed with the code it maps to for others. The handler never gets that socket. A page sees `open`
//!   before `close`.
//! - A refused origin always goes out as HTTP: a page of another site learns nothing.
//! - So does what is no error (2xx and 3xx), and a handshake that RFC 6455, section 4.2.1, does not allow to be
//!   accepted.
//!
//! Plain requests, which are not handshakes, pass, and so do all answers to them.
//!
//! What goes out as HTTP to a handshake over HTTP/1, whatever its status, is the last answer of its connection
//! (`Connection: close`): a proxy that does not look for a `101` would let its client write requests of its own to it.
//!
//! **What this does not do**: close connections that were accepted. Their handlers do, see
//! [`Connection::supervise`](portcullis_core::Connection::supervise), and what the errors of WebSocket libraries mean
//! there is in [`portcullis_core::errors`]: a feature of this crate for each library.
//!
//! # Defaults
//!
//! The refusing layer's own close frame where it has one; else 401 is 3000, 403 is 3003, 408 is 3008, 413 is 1009, 429
//! and 503 are 1013, other 5xx are 1011, and other 4xx are 1008. At most 1,000 handshakes are accepted at once only to
//! be closed; beyond that the status goes out. Closing is bounded as all closing handshakes are: 5 s, 8 MiB.
//!
//! ```
//! use http::{Request, Response, StatusCode};
//! use portcullis_close::CloseLayer;
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! let full = service_fn(async |_: Request<()>| {
//!     let mut response = Response::new(());
//!     *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
//!     Ok::<_, std::convert::Infallible>(response)
//! });
//! // A client that reads a status gets one.
//! let request = Request::get("/ws").header("upgrade", "websocket").body(()).unwrap();
//! assert_eq!(CloseLayer::new().layer(full).oneshot(request).await.unwrap().status(), 503);
//! # }
//! ```

#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(
    feature = "json",
    doc = "\n# Messages\n\n[`messages`] reads JSON messages of one type from any library's socket."
)]

mod accept;
mod future;
mod layer;
#[cfg(feature = "json")]
pub mod messages;
mod service;
mod settings;
mod table;

pub use crate::{future::ResponseFuture, layer::CloseLayer, service::CloseService};

/// The example of the README, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
