//! The state machine of one guarded connection: bytes, events and the time in, decisions out, no I/O.
//!
//! - [`Guard::read`] judges what the peer sent, in place, by headers; [`Guard::measure`] follows what the handler
//!   writes, so that nothing of the guard's own is ever put into the middle of a frame.
//! - `reading` and `writing` take what the I/O has read and written; `inbox` and `outbox` hold what waits in either
//!   direction.
//! - `plain` is the path of most messages: nothing waits, nothing has ended, and they are a `run` of whole ones.
//! - `access` is what the handler may do in each phase.
//! - `closing` is how a connection closes: every event, in every `phase`. `closes` remembers the close frames of both
//!   sides.
//! - `driving` is what is due when, and whether a task must be woken for it.
//!
//! Nothing here reads a clock, locks, waits or spawns. The time is an argument; where it is needed rarely, the argument
//! is a function, so that a message does not pay for a look at the clock.

mod access;
mod closes;
mod closing;
mod discarded;
mod driving;
mod element;
mod first_message;
mod inbound;
mod inbox;
mod input_watchers;
mod machine;
mod outbound;
mod outbox;
mod phase;
mod pings;
mod plain;
mod reading;
mod rules;
mod run;
mod schedule;
mod stream;
#[cfg(test)]
mod tests;
mod wakes;
mod writing;

#[cfg(test)]
pub(crate) use self::inbound::Admitted;
#[cfg(any(test, feature = "internals"))]
pub(crate) use self::inbound::Then;
pub(crate) use self::{
    access::{Reads, Writes},
    closing::Taken,
    discarded::Discarded,
    driving::Next,
    first_message::{FirstEvent, FirstMessageReader},
    machine::Guard,
    outbound::Measure,
    phase::Requested,
    wakes::Wakes,
};
