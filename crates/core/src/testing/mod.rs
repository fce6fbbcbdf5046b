//! What the tests of an application need, with feature `test-util`. Not for production.
//!
//! A request of tower's `oneshot` comes over no connection: it cannot be upgraded, there is nothing to guard, and
//! what a layer does after the `101` never happens. Here the handshake goes through hyper over a pipe in memory, so
//! that limits, timeouts and close codes can be tested without a listener and on tokio's paused clock.
//!
//! - [`Handshake`] opens a WebSocket to any service that answers handshakes. It returns a [`Client`], which writes
//!   frames of any kind, legal or not, and reads [`Message`]s, or a [`ConnectError`] that holds the refusal.
//! - [`Connection::detached`](crate::Connection::detached) makes a connection from values, for a handler that takes
//!   one.
//! - [`Clock`] is a wall clock that follows tokio's.
//!
//! **What this does not do**: HTTP/2, TLS, and what a network does to a connection. It sets no time limits of its own.
//! Wrap what may take forever in `tokio::time::timeout`.
//!
//! ```
//! use std::{convert::Infallible, future::ready};
//!
//! use http::{Request, Response, StatusCode};
//! use hyper::body::Incoming;
//! use portcullis_core::{GuardLayer, testing::Handshake};
//! use tower::{Layer, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // An application that upgrades members only, and leaves them at once.
//! let service = GuardLayer::new().layer(service_fn(|request: Request<Incoming>| {
//!     let member = request.headers().contains_key("x-member");
//!     let status = if member { StatusCode::SWITCHING_PROTOCOLS } else { StatusCode::FORBIDDEN };
//!     let response = Response::builder().status(status).header("upgrade", "websocket");
//!     ready(Ok::<_, Infallible>(response.body(String::new()).unwrap()))
//! }));
//!
//! let admitted = Handshake::new("/ws").header("x-member", "yes").connect(service.clone()).await?;
//! assert_eq!(admitted.response().headers()["upgrade"], "websocket");
//! let refused = Handshake::new("/ws").connect(service).await.unwrap_err();
//! assert_eq!(refused.status(), Some(StatusCode::FORBIDDEN));
//! # Ok(()) }
//! ```

mod client;
mod clock;
mod detached;
mod error;
mod handshake;
mod message;

pub use self::{
    client::Client, clock::Clock, detached::Detached, error::ConnectError, handshake::Handshake, message::Message,
};
