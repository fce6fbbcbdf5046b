//! What is recorded. All of it is rare: a handshake, an end, a violation, or some seconds of a connection.
//!
//! Handles are looked up for each call instead of being kept. A recorder may be installed late, or replaced in a test,
//! and a handle that was kept would go on counting for nothing.

#[cfg(feature = "guard")]
use std::time::Duration;

use metrics::counter;
#[cfg(feature = "guard")]
use metrics::{gauge, histogram};

#[cfg(feature = "guard")]
use super::table::{BYTES, CLOSES, CLOSING_TASKS, CONNECTIONS, DURATION, MESSAGES, ROUND_TRIP, VIOLATIONS};
use super::table::{HANDSHAKES, PLAIN_REFUSALS};
#[cfg(feature = "guard")]
use crate::counters::Counters;

pub(super) fn handshake(outcome: &'static str, reason: &'static str) {
    counter!(HANDSHAKES, "outcome" => outcome, "reason" => reason).increment(1);
}

pub(super) fn refusal(plain: bool, outcome: &'static str, reason: &'static str) {
    if plain {
        counter!(PLAIN_REFUSALS, "outcome" => outcome, "reason" => reason).increment(1);
    } else {
        handshake(outcome, reason);
    }
}

#[cfg(feature = "guard")]
pub(super) fn opened() {
    gauge!(CONNECTIONS).increment(1.0);
}

#[cfg(feature = "guard")]
pub(super) fn closed(code: &'static str, by: &'static str, lived: Duration) {
    gauge!(CONNECTIONS).decrement(1.0);
    counter!(CLOSES, "code" => code, "by" => by).increment(1);
    histogram!(DURATION).record(lived);
}

#[cfg(feature = "guard")]
pub(super) fn went_through(more: &Counters) {
    for (name, direction, more) in [
        (MESSAGES, "in", more.messages_in),
        (MESSAGES, "out", more.messages_out),
        (BYTES, "in", more.bytes_in),
        (BYTES, "out", more.bytes_out),
    ] {
        if more > 0 {
            counter!(name, "direction" => direction).increment(more);
        }
    }
}

#[cfg(feature = "guard")]
pub(super) fn violated(policy: &'static str, action: &'static str, times: u64) {
    counter!(VIOLATIONS, "policy" => policy, "action" => action).increment(times);
}

#[cfg(feature = "guard")]
pub(super) fn answered(round_trip: Duration) {
    histogram!(ROUND_TRIP).record(round_trip);
}

#[cfg(feature = "guard")]
pub(super) fn closing_task(begins: bool) {
    let tasks = gauge!(CLOSING_TASKS);
    if begins { tasks.increment(1.0) } else { tasks.decrement(1.0) }
}
