//! Limits live WebSockets and the rate of handshakes, and determines the client's address behind trusted proxies.
//!
//! A concurrency limit for HTTP frees its permit as soon as the upgrade is answered, so a client can keep any number of
//! idle sockets open. And a limit by the leftmost address in `X-Forwarded-For` counts by a value that every client
//! chooses.
//!
//! - [`ConnectionLimitLayer`] limits live connections: of the whole server, of a client address, of a subject, or of a
//!   key of your own; several limits at once are taken all or none. A permit is held until the transport has ended,
//!   including the closing handshake, and is freed exactly once on every path. Over HTTP/2, a client that keeps its
//!   flow-control window shut keeps its stream and so its permit, because hyper cannot reset a stream on which
//!   something waits to be sent. What fits into h2's `max_send_buffer_size` (400 KiB) counts as sent.
//! - When a limit is reached, new handshakes are refused (503 for the whole server, 429 for other limits), or, with
//!   [`Limit::evict_oldest`], the oldest connection of the same key is closed once the new handshake is accepted. Where
//!   the handlers' work is scarce, a permit can also be held until the handler has returned:
//!   [`ConnectionLimitLayer::until_handler_returns`].
//! - In limits by subject, clients without a subject share one limit for each client address. Beyond it they are
//!   refused, and never evict each other. Limits of handshakes and messages follow the same rule,
//!   [`LimitOwner`](portcullis_core::refusal::LimitOwner).
//! - [`ClientIpLayer`] determines the client's address: that of the peer or, if the peer is a trusted proxy, the first
//!   address from the right in the proxies' header that is not a trusted proxy.
//! - [`Connections`](portcullis_core::Connections) lists the live connections, and closes them by any property.
//! - [`HandshakeRateLayer`] limits how often a client connects, including handshakes that fail.
//! - Plain requests, which are not handshakes, pass through all of these. But a plain request with invalid credentials
//!   counts against its client in the [`HandshakeRateLayer`], which refuses the client's plain requests for a while
//!   when there were too many of them.
//! - With [`ConnectionLimitLayer::shared`] and [`HandshakeRateLayer::shared`], several nodes count together.
//!
//! **What this does not do**: limit the streams of one HTTP/2 connection, which hyper's
//! `max_concurrent_streams` does (200).
//!
//! # Defaults
//!
//! | Setting | Default |
//! | --- | --- |
//! | limits | none; each has to be set |
//! | IPv6 clients | count by /64 |
//! | `Retry-After` | 5 s |
//! | evicted connections | close with 1008, "replaced by a newer connection" |
//! | trusted proxies | none |
//! | header that trusted proxies set | `X-Forwarded-For` |
//!
//! Clients do not retry on 1008. After a code on which they do, two tabs would evict each other for ever.
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
//! assert_eq!(from("192.0.2.1", "203.0.113.9"), "192.0.2.1", "this peer is not trusted");
//! # Ok::<_, portcullis_connections::InvalidNetwork>(())
//! ```

#![doc = include_str!("../docs/features.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod client_ip;
mod handshake_rate;
#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod internal;
mod limit;
mod sync;

pub use crate::{
    client_ip::{ClientIpLayer, ClientIpService, InvalidNetwork},
    handshake_rate::{HandshakeRateFuture, HandshakeRateLayer, HandshakeRateService},
    limit::{ConnectionLimitLayer, ConnectionLimitService, Limit, LimitScope, Occupancy},
};

/// The example of the README, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
