//! The console as a service: admission, responses and actions.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod actions;
mod admission;
mod ask;
mod events;
mod history;
mod hundred_thousand;
mod looks;
