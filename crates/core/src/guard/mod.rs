//! The state machine of one guarded connection: bytes and time in, decisions out, no I/O.
//!
//! [`Guard::admit`] judges what the peer sent, in place; [`Guard::measure`] follows what the handler writes, so that
//! nothing of the guard's own is ever put into the middle of a frame.

mod closes;
mod closing;
mod discarded;
mod driving;
mod inbound;
mod inbox;
mod judges;
mod machine;
mod opening;
mod outbound;
mod outbox;
mod phase;
mod pings;
mod reading;
mod rules;
mod schedule;
mod stream;
#[cfg(test)]
mod tests;
mod wakes;
mod writing;

pub(crate) use self::{
    closing::{Reads, Taken, Writes},
    discarded::Discarded,
    driving::Next,
    opening::{Found, Opening},
    phase::Requested,
    wakes::Wakes,
};
pub use self::{
    inbound::{Admission, Then},
    machine::Guard,
    outbound::Measure,
    rules::Violation,
};
pub use crate::{counters::Counters, gate::FirstMessage, settings::Framing};
