//! What is seen of each mistake.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod orders;
// What is said where no log is read is said in debug builds alone.
#[cfg(debug_assertions)]
mod outermost;
mod settings;
#[cfg(debug_assertions)]
mod subjects;
#[cfg(debug_assertions)]
mod undrained;
#[cfg(debug_assertions)]
mod wiring;
