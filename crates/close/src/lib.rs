//! Turns refused WebSocket handshakes into close codes that browsers can read.
//!
//! A browser reports every refused handshake to its page as 1006 without a reason. A script cannot tell an expired
//! token from a full server, so it keeps retrying what will never work, or gives up on what would. An accepted
//! handshake that is closed at once can carry the reason.
//!
//! Put [`CloseLayer`] outermost. When an inner layer refuses a handshake, or the handler answers with anything but an
//! upgrade:
//!
//! - Clients that can read an HTTP status, recognised by sending neither `Origin` nor `Sec-WebSocket-Protocol`, get the
//!   status.
//! - For other clients, the handshake is accepted and closed with the code that the refusal maps to. The handler never
//!   gets this socket. A page sees `open` before `close`.
//! - A refused origin always gets the status: a page of another site learns nothing.
//! - Responses that are not errors (2xx and 3xx), and handshakes that must not be accepted (RFC 6455, section 4.2.1),
//!   go out as they are.
//!
//! Plain requests, which are not handshakes, and the responses to them pass unchanged.
//!
//! Every HTTP response to a handshake over HTTP/1 carries `Connection: close`. Otherwise a proxy that does not check
//! for the `101` would let its client send requests of its own over this connection.
//!
//! **What this does not do**: close connections that were accepted. Handlers do that: see
//! [`Connection::supervise`](portcullis_core::Connection::supervise), and [`portcullis_core::errors`] for the close
//! codes of WebSocket libraries' errors, with one feature of this crate for each library.
//!
//! # Defaults
//!
//! | Refusal | Close code |
//! | --- | --- |
//! | by a layer that chose a close frame | that frame |
//! | 401 | 3000 |
//! | 403 | 3003 |
//! | 408 | 3008 |
//! | 413 | 1009 |
//! | 429, 503 | 1013 |
//! | other 5xx | 1011 |
//! | other 4xx | 1008 |
//!
//! At most 1,000 handshakes at a time are accepted only to be closed; beyond that, clients get the status. Each closing
//! handshake is limited to 5 s and 8 MiB, as all are.
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
//! // This client sends no `Origin`: it gets the status.
//! let request = Request::get("/ws").header("upgrade", "websocket").body(()).unwrap();
//! assert_eq!(CloseLayer::new().layer(full).oneshot(request).await.unwrap().status(), 503);
//! # }
//! ```

#![doc = include_str!("../docs/features.md")]
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
