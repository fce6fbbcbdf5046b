//! The guarded connection, over a pipe and on a paused clock.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod backpressure;
mod failures;
mod flushes;
mod handlers;
mod leaks;
mod policies;
mod transparency;
mod transparency_with_policies;
