//! The console as a service: who may ask, what is answered, and what comes of an action.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod actions;
mod admission;
mod ask;
mod events;
mod history;
mod hundred_thousand;
mod looks;
