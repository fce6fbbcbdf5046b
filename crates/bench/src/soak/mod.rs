//! A server with every layer, and two thousand clients for some minutes, most of them hostile: what is left of them in
//! the end is nothing.
//!
//! The same clients have come once before the first look, so that what a process allocates once and keeps is not taken
//! for a leak.

mod run;
mod server;
mod socket;
mod standing;
mod visit;

pub(crate) use self::{run::run, server::serve};
