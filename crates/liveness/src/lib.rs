//! Limits of time and size on a live WebSocket.
//!
//! A peer that vanishes leaves its socket open for hours, because TCP tells nobody. One that is there can hold a
//! connection for nothing: by saying nothing, by sending a message a byte at a time, by declaring one of sixteen
//! megabytes, by not reading what it asked for.
//!
//! - [`KeepAliveLayer`] pings, and closes a connection whose peer is gone.
//! - [`IdleTimeoutLayer`] closes a connection on which nobody says anything.
//! - [`MaxAgeLayer`] closes a connection that has lived long enough.
//! - [`MessageSizeLayer`] bounds a message: its bytes, its fragments, and the time it takes.
//! - [`WriteTimeoutLayer`] closes a connection whose peer does not read.
//! - [`Drain`] ends all connections of a server that stops, and waits for their handlers.
//!
//! Plain requests, which are not handshakes, pass all of these. A server that drains serves them until it stops.
//!
//! A busy handler is not a silent peer: input that waits unread is looked at before anybody is judged by it.
//!
//! # Latency
//!
//! A server's kernel holds a small answer back while an earlier one is unacknowledged (Nagle's algorithm), and the
//! client's kernel takes 40 ms to acknowledge: set `TCP_NODELAY` on every listener that serves WebSockets. No layer can
//! do it, for the socket is the server's. With axum: `axum::serve(listener.tap_io(|io| drop(io.set_nodelay(true))),
//! app)` (`tap_io` is a method of `axum::serve::ListenerExt`); with hyper: `stream.set_nodelay(true)?` behind `accept`.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod age;
pub mod drain;
mod idle;
mod keep_alive;
mod service;
mod size;
mod time;
mod write;

pub use crate::{
    age::MaxAgeLayer,
    drain::{drained::Drained, handle::Drain, layer::DrainLayer},
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
