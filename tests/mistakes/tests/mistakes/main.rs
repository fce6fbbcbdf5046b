//! What is seen of each mistake.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod orders;
mod outermost;
mod settings;
mod subjects;
mod undrained;
mod wiring;
