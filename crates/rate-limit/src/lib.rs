//! Limits the messages of a live WebSocket, below its library.
//!
//! An HTTP rate limiter counts a WebSocket as one request: after the handshake a client may send a million messages a
//! second. A limiter in the handler sees none of what its library swallows, such as pings and empty fragments.
//!
//! - Messages, bytes, control frames and continuation frames have a quota each, and are counted by the headers of
//!   frames, before any of them is delivered.
//! - A quota is a connection's own, or shared by all connections of a subject, a client address, a key, or the server:
//!   then reconnecting does not reset it.
//! - What exceeds a quota closes the connection (1008), is delayed (the socket is not read, so TCP tells the client to
//!   slow down, and nothing is lost; over HTTP/2 up to 16 KiB are held back: see [`Excess::Delay`]), or is dropped.
//!   What was admitted before is delivered, and answered.
//! - Layers compose. The outermost is charged first; what an inner one delays or drops is given back by those outside
//!   of it, so that a client whom one quota stops does not drain another. Fragments of a dropped message that come in a
//!   later read are charged: they would be free to send else. On a close nothing is given back.
//! - A frame with more bytes than a byte quota's burst could never be admitted: it closes with 1009.
//! - An [`Allowance`] lets a handler charge by what a message asks for, and change a connection's quota.
//!
//! State for keys is bounded: a million by default, of about a hundred bytes each, forgotten once they are idle. A
//! client address that finds no room shares the quotas of its /48 (IPv4: /24) with others that find none, and where
//! there is no room for that either, of its /32 (/16). Other keys share by a few bits of their hashes: 4,096 groups,
//! then 64. So a client that brings a million addresses of its own networks gains nothing, and locks out hardly anyone
//! else.
//!
//! Plain requests, which are not handshakes, pass: an HTTP rate limiter is for those.
//!
//! **What this does not do**: limit the size of messages that are sent in fragments, or across several servers.
//!
//! # Defaults
//!
//! Per connection; on excess close with 1008 and the quota's name. With a message quota: 10 control frames a second in
//! bursts of 30; continuation frames at 64 times the message quota, and at most 32 empty ones a message. Delays of 30 s
//! at most. IPv6 clients by /64.
//!
//! ```
//! use std::time::Instant;
//! use http::Request;
//! use portcullis_rate_limit::{Allowance, MessageRateLayer};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! let layer = MessageRateLayer::per_second(20).burst(40);
//! assert_eq!(layer.quota().unwrap().burst_size().get(), 40);
//! // A handshake without a connection behind it passes; there is nothing to limit.
//! let inner = service_fn(async |request: Request<()>| Ok::<_, std::convert::Infallible>(http::Response::new(())));
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let request = Request::get("/ws").header("upgrade", "websocket").body(()).unwrap();
//! assert_eq!(layer.layer(inner).oneshot(request).await.unwrap().status(), 200);
//! # });
//! ```

#![cfg_attr(docsrs, feature(doc_cfg))]

mod account;
mod allowance;
mod cells;
mod excess;
mod key;
mod layer;
mod policy;
mod service;
mod settings;
mod shared;
#[cfg(test)]
mod tests;

pub use portcullis_quota::{ByteQuota, Quota};

pub use crate::{
    allowance::{Allowance, Exceeded},
    excess::Excess,
    layer::MessageRateLayer,
    service::MessageRateService,
};

/// The example of the README, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
