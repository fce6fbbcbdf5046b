//! Limits on live WebSockets, and the client behind trusted proxies.
//!
//! A concurrency limit of HTTP frees its permit when the upgrade is answered: whoever opens ten thousand sockets and
//! says nothing holds ten thousand sockets. And a limit by the leftmost `X-Forwarded-For` is one that every client
//! names for himself.
//!
//! - [`ConnectionLimitLayer`] limits live connections: of the server, a client address, a subject, or a key of one's
//!   own, several at once, all or none. A permit is held until the transport is over, closing handshake included, and
//!   freed once on every path. Over HTTP/2 a client that keeps its flow-control window shut keeps its stream, and so
//!   its permit: hyper cannot reset a stream behind which something waits to be sent. What h2 has room for under
//!   `max_send_buffer_size` (400 KiB) counts as sent.
//! - What is full refuses (503 for the server, 429 for others), or evicts the oldest of the same key when the
//!   newcomer's handshake is accepted. A permit may be held until the handler has returned, too, where its work is what
//!   is scarce: [`ConnectionLimitLayer::until_handler_returns`].
//! - Clients without a subject share the limit of one by their address, and are refused where it is full, never
//!   evicted. [`LimitOwner`](portcullis_core::refusal::LimitOwner) is the rule, which limits on handshakes and messages
//!   follow, too.
//! - [`ClientIpLayer`] finds the client's address: the peer's, or, where that is a proxy that the user trusts, what the
//!   proxies say, from the right.
//! - [`Connections`] lists the live connections, and closes them by whatever they have in common.
//! - [`HandshakeRateLayer`] limits how often somebody connects, failed handshakes included.
//! - Plain requests, which are not handshakes, pass all of these. But one whose token is not good counts against its
//!   client in the [`HandshakeRateLayer`], which refuses the client's plain requests for a while when there were too
//!   many.
//! - Several nodes count together with [`ConnectionLimitLayer::shared`] and [`HandshakeRateLayer::shared`].
//!
//! **What this does not do**: limit the streams of one HTTP/2 connection, which hyper's
//! `max_concurrent_streams` does (200).
//!
//! # Defaults
//!
//! No limit that is not named. IPv6 clients count by /64. `Retry-After` is 5 s. Evicted connections are closed with
//! 1008, "replaced by a newer connection": a code that clients retry would make two tabs evict each other for ever. No
//! proxy is trusted; of those that are, `X-Forwarded-For` is read.
//!
//! ```
//! use http::{Request, StatusCode};
//! use portcullis_connections::ClientIpLayer;
//!
//! let layer = ClientIpLayer::new().trust(["10.0.0.0/8"])?;
//! let from = |peer: &str, header: &str| {
//!     let request = Request::get("/").header("x-forwarded-for", header).body(()).unwrap();
//!     layer.client(peer.parse().unwrap(), request.headers()).to_string()
//! };
//! assert_eq!(from("10.0.0.1", "203.0.113.9, 198.51.100.7"), "198.51.100.7");
//! assert_eq!(from("192.0.2.1", "203.0.113.9"), "192.0.2.1", "nobody trusts this peer");
//! # Ok::<_, portcullis_connections::InvalidNetwork>(())
//! ```

#![cfg_attr(docsrs, feature(doc_cfg))]

mod client_ip;
mod handshake_rate;
#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod internal;
mod limit;
mod sync;

pub use portcullis_core::Connections;

pub use crate::{
    client_ip::{ClientIpLayer, ClientIpService, InvalidNetwork},
    handshake_rate::{HandshakeRateFuture, HandshakeRateLayer, HandshakeRateService},
    limit::{ConnectionLimitLayer, ConnectionLimitService, Limit},
};

/// The example of the README, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
