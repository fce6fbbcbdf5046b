//! Limits the time and the size of what happens on a live WebSocket.
//!
//! A peer that vanishes leaves its socket open for hours, because TCP does not notice. A peer that is there can occupy
//! a connection at no cost to itself: by sending nothing, by sending a message one byte at a time, by declaring a
//! message of many megabytes, or by not reading what it requested.
//!
//! | Layer | Closes a connection | By default |
//! | --- | --- | --- |
//! | [`KeepAliveLayer`] | whose peer does not answer a ping | a ping every 25 s, 20 s for the answer; 3008 |
//! | [`IdleTimeoutLayer`] | on which no message is exchanged for a given time | 3008 |
//! | [`MaxAgeLayer`] | at a maximum age | in the last tenth of its time; 1001 |
//! | [`MessageSizeLayer`] | whose peer sends a message that is too large, too fragmented or too slow | 30 s for a message; 1009 |
//! | [`WriteTimeoutLayer`] | whose peer does not read | after 10 s; 1013 |
//!
//! [`Drain`] closes all connections of a server that shuts down, and waits for their handlers.
//!
//! Plain requests, which are not handshakes, pass through all of these layers. A server that drains serves them until
//! it stops.
//!
//! A peer is not blamed for a busy handler: before a connection is closed for a peer's silence, input that the handler
//! has not read yet is examined.
//!
//! # Latency
//!
//! A server's kernel holds a small message back while an earlier one is unacknowledged (Nagle's algorithm), and the
//! client's kernel may take 40 ms to acknowledge. Set `TCP_NODELAY` on every listener that serves WebSockets; a layer
//! cannot do it, because the server owns the socket. With axum: `axum::serve(listener.tap_io(|io|
//! drop(io.set_nodelay(true))), app)` (`tap_io` is a method of `axum::serve::ListenerExt`); with hyper:
//! `stream.set_nodelay(true)?` behind `accept`.

#![doc = include_str!("../docs/features.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod age;
mod drain;
mod idle;
mod keep_alive;
mod service;
mod size;
mod time;
mod write;

pub use crate::{
    age::MaxAgeLayer,
    drain::{Drain, DrainFuture, DrainLayer, DrainService, Drained},
    idle::IdleTimeoutLayer,
    keep_alive::KeepAliveLayer,
    service::LivenessService,
    size::MessageSizeLayer,
    write::WriteTimeoutLayer,
};

/// The example of the README, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
