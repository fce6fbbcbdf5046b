//! Why a handshake was refused, as data.
//!
//! A refusal is a response with a status for clients that can read one, and carries itself in the response's
//! extensions, so that an outer layer can render it otherwise, for instance as a close frame for a browser, which sees
//! no status.

mod call;
mod client;
mod future;
mod reason;
#[cfg(feature = "axum")]
mod render;

pub use self::{call::call, future::ResponseFuture, reason::Refusal};
