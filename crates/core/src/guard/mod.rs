//! The state machine of one guarded connection: bytes and time in, decisions out, no I/O.
//!
//! [`Guard::admit`] judges what the peer sent, in place; [`Guard::measure`] follows what the handler writes, so that
//! nothing of the guard's own is ever put into the middle of a frame.

mod inbound;
mod judges;
mod machine;
mod opening;
mod outbound;
mod pings;
mod rules;

pub(crate) use self::opening::{Found, Opening};
pub use self::{
    inbound::{Admission, Then},
    machine::Guard,
    outbound::Measure,
    rules::Violation,
};
pub use crate::{counters::Counters, gate::FirstMessage, settings::Framing};
