//! Tower layers that secure a WebSocket route on any hyper or axum server, with no change to its handler.
//!
//! A Tower layer's view of a WebSocket ends at the `101`. What Portcullis guards is the connection behind it: the
//! origin of the handshake, and every frame that comes in for as long as the socket lives.
//!
//! This crate is the front door: it re-exports the crates of the workspace, each behind a feature of its name. The
//! vocabulary and the guarded connection of `portcullis-core` are always here. A library that needs one layer should
//! take that layer's crate.
//!
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
//!
//! # Testing your application
//!
//! - What a handler means by an error is a value: `assert_eq!(error.into_close().to_string(), "1008 muted")`.
//! - A refusal is a response. tower's `oneshot` shows it, with axum's `MockConnectInfo` outside of a `ClientIpLayer`.
//!   Why a response is a 500 is written to the log with feature `tracing`. In a debug build its body says it, too, with
//!   feature `axum`; otherwise, where nothing takes the log, it goes to stderr.
//! - A request of `oneshot` comes over no connection, so there is nothing to guard: limits on live connections and on
//!   messages let it pass, `Connection` cannot be extracted, and `WebSocketUpgrade` refuses it with 426. Feature
//!   `test-util` goes further: it opens WebSockets over a pipe in memory, makes connections and sessions from values,
//!   and has a wall clock that pauses with tokio's.
#![cfg_attr(feature = "test-util", doc = "  See [`testing`].")]
#![cfg_attr(docsrs, feature(doc_cfg))]

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
#[cfg(feature = "redis")]
pub use portcullis_redis as redis;

#[cfg(feature = "test-util")]
pub mod testing;
