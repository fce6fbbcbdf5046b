//! Tower layers that secure WebSocket routes on any axum or hyper server, from the handshake to the last frame, with no
//! change to the handler.
//!
#![cfg_attr(
    all(
        feature = "axum",
        feature = "axum-ws",
        feature = "close",
        feature = "console",
        feature = "connections",
        feature = "derive",
        feature = "json",
        feature = "jwt",
        feature = "liveness",
        feature = "metrics",
        feature = "origin",
        feature = "rate-limit",
        feature = "redis",
        feature = "test-util",
        feature = "tracing"
    ),
    doc = include_str!("../docs/front.md")
)]
//! # Proof in the handler
//!
//! A layer guards the routes that it was put around, and a route that was forgotten looks the same from outside. axum's
//! `Router::layer` covers the routes that were added *before* it. Take [`Connection`] in every handler that upgrades
//! (feature `axum`): where no layer guards the connection, the handler is not called, and the answer is a 500.
//!
#![cfg_attr(feature = "axum", doc = "```")]
#![cfg_attr(not(feature = "axum"), doc = "```ignore")]
//! use axum::{Router, extract::ws::WebSocketUpgrade, response::Response, routing::any};
//! use portcullis::{Connection, GuardLayer};
//!
//! async fn upgrade(upgrade: WebSocketUpgrade, _proof: Connection) -> Response {
//!     upgrade.on_upgrade(async |_| ())
//! }
//!
//! let app = Router::new()
//!     .route("/guarded", any(upgrade))
//!     .layer(GuardLayer::new())
//!     .route("/forgotten", any(upgrade)); // answers every handshake with a 500
//! # let _: Router = app;
//! ```
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "close")]
pub use portcullis_close::CloseLayer;
#[cfg(feature = "json")]
pub use portcullis_close::messages;
#[cfg(feature = "connections")]
pub use portcullis_connections as connections;
#[cfg(feature = "console")]
pub use portcullis_console as console;
#[doc(inline)]
pub use portcullis_core::{
    CloseCode, CloseFrame, CloseReason, Connection, ConnectionId, ConnectionState, Connections, ConnectionsLayer,
    ConnectionsService, Counters, Decision, Ended, EndedBy, GuardLayer, GuardService, GuardedIo, IntoClose,
    InvalidCloseCode, MalformedClose, PolicyLayer, PolicyService, Status, Supervised, Target, clock, csrf, errors,
    frame, gate, handshake, identity, observe, policy, refusal, settings, shared, upgrade,
};
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
#[cfg(feature = "redis")]
pub use portcullis_redis as redis;

// In the documentation alone, with the features that its examples and links need.
#[cfg(all(
    doc,
    feature = "axum",
    feature = "axum-ws",
    feature = "close",
    feature = "console",
    feature = "connections",
    feature = "derive",
    feature = "json",
    feature = "jwt",
    feature = "liveness",
    feature = "metrics",
    feature = "origin",
    feature = "rate-limit",
    feature = "redis",
    feature = "test-util",
    feature = "tracing"
))]
pub mod guide;
#[cfg(feature = "test-util")]
pub mod testing;

/// The example of the README, compiled.
#[cfg(all(doctest, feature = "rate-limit"))]
#[doc = include_str!("../README.md")]
struct Readme;
