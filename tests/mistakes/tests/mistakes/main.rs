//! The symptoms of each mistake.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod orders;
// Without a log, messages are only printed in debug builds.
#[cfg(debug_assertions)]
mod outermost;
mod settings;
#[cfg(debug_assertions)]
mod subjects;
#[cfg(debug_assertions)]
mod undrained;
#[cfg(debug_assertions)]
mod wiring;
