//! The handle of a live connection, and what is known of the connection without its state.
//!
//! The handle does not depend on the type of the transport, and outlives it: how a connection ended can be asked after
//! it has. What layers attach to a connection, such as permits, is dropped when it ends, on every path.

mod bonds;
mod control;
#[cfg(feature = "axum")]
mod extract;
mod handle;
mod inner;
mod status;

pub use self::{bonds::Held, handle::Connection, status::Status};
pub(crate) use self::{
    bonds::{Bond, Known, Watch},
    control::Control,
    inner::ConnectionInner,
};
