//! The handle of a live connection, and what is known of the connection without its state.

mod about;
mod control;
#[cfg(feature = "axum")]
mod extract;
mod handle;

pub use self::handle::Connection;
pub(crate) use self::{
    about::{About, Watch},
    control::Control,
};
