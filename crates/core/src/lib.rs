//! The ground floor of Portcullis: what its layers share.
//!
//! A Tower layer's view of a WebSocket ends at the `101`. This crate holds on to the connection behind it, so that a
//! layer can enforce something on a live socket, and speaks the words that layers have in common.
//!
//! Without features: vocabulary and decisions, no runtime.
//!
//! - [`clock`]: the time, which a test can hold.
//! - [`close`]: close codes, close reasons and [`IntoClose`].
//! - [`errors`]: what the errors of WebSocket libraries mean as close codes.
//! - [`frame`]: frame headers (RFC 6455, section 5.2), read and written.
//! - [`handshake`]: which requests are WebSocket handshakes.
//! - [`identity`]: the client's address and the authenticated subject, carried in request extensions.
//! - [`observe`]: metrics, spans and events, for all layers.
//! - [`policy`]: what a layer implements to enforce something on a live connection.
//! - [`refusal`]: why a handshake was refused.
#![cfg_attr(
    feature = "guard",
    doc = "\nWith feature `guard`: [`PolicyLayer`] installs a policy, [`GuardLayer`] sets what holds for the connection\n([`settings`]), and [`Connection`] is the handle of the live connection. A layer of your own stands on\n[`upgrade::call()`]; [`gate`] holds a connection back until its first message was judged."
)]

pub mod clock;
pub mod close;
pub mod errors;
pub mod frame;
pub mod handshake;
pub mod identity;
pub mod observe;
pub mod policy;
pub mod refusal;

#[cfg(feature = "guard")]
mod connection;
#[cfg(feature = "guard")]
mod counters;
#[cfg(feature = "guard")]
mod ended;
#[cfg(feature = "guard")]
pub mod gate;
#[cfg(feature = "guard")]
pub mod guard;
#[cfg(feature = "guard")]
mod id;
#[cfg(feature = "guard")]
mod io;
#[cfg(feature = "guard")]
mod layer;
#[cfg(feature = "guard")]
mod registry;
#[cfg(feature = "guard")]
pub mod settings;
#[cfg(feature = "guard")]
mod supervise;
#[cfg(any(feature = "guard", feature = "tracing"))]
mod sync;
#[cfg(feature = "test-util")]
pub mod testing;
#[cfg(feature = "guard")]
pub mod upgrade;

pub use close::{CloseCode, CloseFrame, CloseReason, IntoClose};
#[cfg(feature = "guard")]
pub use connection::Connection;
#[cfg(feature = "guard")]
pub use counters::Counters;
#[cfg(feature = "guard")]
pub use ended::{Ended, EndedBy};
#[cfg(feature = "guard")]
pub use id::ConnectionId;
#[cfg(feature = "guard")]
pub use io::GuardedIo;
#[cfg(feature = "guard")]
pub use layer::{GuardLayer, GuardService, PolicyLayer, PolicyService};
#[cfg(feature = "guard")]
pub use registry::{Connections, ConnectionsLayer, ConnectionsService};
#[cfg(feature = "guard")]
pub use supervise::Supervised;
