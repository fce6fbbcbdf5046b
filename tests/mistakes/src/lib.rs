//! What is seen of mistakes: what a server prints, and what its clients get.
//!
//! The tests run with and without features `axum` and `tracing`, because those who made the mistakes had not switched
//! them on.

#[cfg(feature = "tracing")]
mod log;
mod printed;
mod server;

pub use self::{
    printed::{Level, expected, printed},
    server::{Body, Running, running},
};
