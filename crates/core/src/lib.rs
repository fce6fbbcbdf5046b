//! What the layers of Portcullis share: the guarded connection, and the types that layers exchange.
//!
//! A Tower layer sees nothing of a WebSocket after the `101`. This crate keeps control of the connection behind it, so
//! that a layer can enforce rules on the live socket.
//!
//! Without features there are only types and decisions, and no runtime.
//!
//! - [`clock`]: the time, which a test can hold.
//! - [`CloseFrame`], [`CloseCode`], [`CloseReason`] and [`IntoClose`]: how a connection is closed, and what its peer
//!   reads.
//! - [`csrf`]: which requests a foreign page may have forged.
//! - [`errors`]: what the errors of WebSocket libraries mean as close codes.
//! - [`frame`]: frame headers (RFC 6455, section 5.2), read and written.
//! - [`handshake`]: which requests are WebSocket handshakes.
//! - [`identity`]: the client's address and the authenticated subject, carried in request extensions.
//! - [`observe`]: metrics, spans and events, for all layers.
//! - [`policy`]: what a layer implements to enforce something on a live connection.
//! - [`refusal`]: why a handshake was refused.
//! - [`shared`]: limits that several nodes share.
#![cfg_attr(
    feature = "guard",
    doc = "\nWith feature `guard`: [`PolicyLayer`] installs a policy, [`GuardLayer`] sets what holds for the connection\n([`settings`]), and [`Connection`] is the handle of the live connection. A layer of your own stands on\n[`upgrade::call()`]; [`gate`] holds a connection back until its first message was judged.",
    doc = "\n# The end of a transport\n",
    doc = "The end of a transport is noticed in every phase of a connection, even with unread input, and frees what the",
    doc = "connection held: permits, its place in the registry, tasks and memory.\n",
    doc = "- An end that arrives (a FIN, a reset, the end of an HTTP/2 stream) is noticed by the next read: of the handler,",
    doc = "  of the gate before the first message, or of the closing handshake. While nothing is read, because the handler is",
    doc = "  busy, has left half a frame or is delayed, the pings of `KeepAliveLayer` notice it.\n",
    doc = "- A client that falls silent is noticed by `KeepAliveLayer`, and by `IdleTimeoutLayer` where no ping can be sent",
    doc = "  because the handler has left half a frame. One that takes nothing is noticed by `WriteTimeoutLayer`.\n",
    doc = "- Over HTTP/2, hyper keeps a stream whose flow-control window the client holds shut, even if nothing else does. Its",
    doc = "  handler ends, but it counts, with its permits and its place in the registry, until the client reads, resets the",
    doc = "  stream, or its connection ends. No more than 16 KiB at once are handed to a stream.\n",
    doc = "- Before the first message the gate's time bounds both, while closing [`Closing::timeout`](settings::Closing::timeout).\n",
    doc = "Without these layers, silence lasts as long as TCP lets it."
)]
#![doc = include_str!("../docs/features.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod clock;
mod close;
pub mod csrf;
mod decision;
pub mod errors;
pub mod frame;
pub mod handshake;
pub mod identity;
pub mod observe;
pub mod policy;
pub mod refusal;
pub mod shared;

#[cfg(feature = "guard")]
mod carrier;
#[cfg(feature = "guard")]
mod connection;
#[cfg(feature = "guard")]
mod connection_state;
#[cfg(feature = "guard")]
mod counters;
#[cfg(feature = "guard")]
mod ended;
#[cfg(feature = "guard")]
pub mod gate;
#[cfg(feature = "guard")]
mod guard;
#[cfg(feature = "guard")]
mod id;
#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod internal;
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
mod sync;
#[cfg(feature = "test-util")]
pub mod testing;
#[cfg(feature = "guard")]
pub mod upgrade;

pub use close::{CloseCode, CloseFrame, CloseReason, IntoClose, InvalidCloseCode, MalformedClose};
#[cfg(feature = "guard")]
pub use connection::{Connection, Held, Status};
#[cfg(feature = "guard")]
pub use connection_state::ConnectionState;
#[cfg(feature = "guard")]
pub use counters::Counters;
pub use decision::Decision;
#[cfg(feature = "guard")]
pub use ended::{Ended, EndedBy};
#[cfg(feature = "guard")]
pub use id::ConnectionId;
#[cfg(feature = "guard")]
pub use io::GuardedIo;
#[cfg(feature = "guard")]
pub use layer::{GuardLayer, GuardService, PolicyLayer, PolicyService};
#[cfg(feature = "guard")]
pub use registry::{Connections, ConnectionsLayer, ConnectionsService, Target};
#[cfg(feature = "guard")]
pub use supervise::Supervised;

/// The example of the README, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
