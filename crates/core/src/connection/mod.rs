//! The handle of a live connection, and what is known of the connection without its state.

mod control;
#[cfg(feature = "axum")]
mod extract;
mod handle;
mod inner;

pub use self::handle::Connection;
pub(crate) use self::{
    control::Control,
    inner::{ConnectionInner, Known, Watch},
};
