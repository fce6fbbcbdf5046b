//! Tower layers that secure a WebSocket route on any hyper or axum server, with no change to its handler.
//!
//! A Tower layer's view of a WebSocket ends at the `101`. What Portcullis guards is the connection behind it: the
//! origin of the handshake, and every frame that comes in for as long as the socket lives.
//!
//! This crate is the front door: it re-exports the crates of the workspace, each behind a feature of its name. The
//! vocabulary and the guarded connection of `portcullis-core` are always here. A library that needs one layer should
//! take that layer's crate.
//!
//! # Tests of one's own
//!
//! - What a handler means by an error is a value: `assert_eq!(error.into_close().to_string(), "1008 muted")`.
//! - A refusal is a response: `oneshot` of tower's shows it, with axum's `MockConnectInfo` outside of a
//!   `ClientIpLayer`. Why it is a 500 only the log says, with feature `tracing`.
//! - A request of `oneshot` came over no connection. There is nothing to guard then: limits on live connections and on
//!   messages let it pass, `Connection` cannot be extracted, and `WebSocketUpgrade` refuses it with 426. To see those, bind
//!   a listener to port 0, and connect a client.

#[cfg(feature = "close")]
pub use portcullis_close::CloseLayer;
#[cfg(feature = "json")]
pub use portcullis_close::messages;
#[cfg(feature = "connections")]
pub use portcullis_connections as connections;
pub use portcullis_core::*;
#[cfg(feature = "derive")]
pub use portcullis_derive::IntoCloseOfFacade as IntoClose;
#[cfg(feature = "jwt")]
pub use portcullis_jwt as jwt;
#[cfg(feature = "liveness")]
pub use portcullis_liveness as liveness;
#[cfg(feature = "origin")]
pub use portcullis_origin as origin;
#[cfg(feature = "rate-limit")]
pub use portcullis_rate_limit as rate_limit;

/// The examples of the README, compiled.
#[cfg(all(
    doctest,
    feature = "axum",
    feature = "axum-ws",
    feature = "close",
    feature = "connections",
    feature = "derive",
    feature = "jwt",
    feature = "liveness",
    feature = "origin",
    feature = "rate-limit"
))]
#[doc = include_str!("../../../README.md")]
struct Readme;
