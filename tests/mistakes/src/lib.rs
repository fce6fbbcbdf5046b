//! The symptoms of mistakes: what a server prints, and what its clients get.
//!
//! The tests run with and without features `axum` and `tracing`, because users who make these mistakes may not have
//! enabled them.

#[cfg(feature = "tracing")]
mod log;
mod printed;
mod server;

pub use self::{
    printed::{Level, expected, printed},
    server::{Body, Running, running},
};
