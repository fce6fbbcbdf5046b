//! The state behind a connection's lock: the guard, and what carries out its decisions.
//!
//! The gate and the transport are here and not in the guard, as the guard does no I/O and runs no future. Each method
//! below is short on purpose: it asks the guard, then moves the transport accordingly, in the same critical section, so
//! that the two never disagree about who has it.

use std::{sync::Arc, time::Instant};

use super::{
    closing::{ClosingHandshake, DropUnlocked},
    transport::Transport,
    wakers::Wakers,
};
use crate::{
    carrier::Carrier,
    ended::Ended,
    gate::Gate,
    guard::{Guard, Wakes},
    settings::{Closing, Settings},
};

/// The state of a guarded connection. The guard decides; the other fields do the I/O.
pub(crate) struct State<T> {
    pub(super) guard: Guard,
    pub(super) transport: Transport<T>,
    pub(super) wakers: Wakers,
    /// What judges the first message before the handler gets the connection.
    gate: Option<Box<Gate>>,
}

impl<T> State<T> {
    pub(super) fn new() -> Self {
        let (guard, transport, wakers) = (Guard::default(), Transport::default(), Wakers::default());
        Self { guard, transport, wakers, gate: None }
    }

    /// Sets the settings, unless an outer layer has: requests pass the layers from the outermost to the innermost.
    pub(super) fn configure(&mut self, settings: &Arc<Settings>) {
        if !self.guard.is_configured() {
            self.guard.configure(settings);
        }
    }

    /// The bounds of the closing handshake.
    pub(super) fn bounds(&self) -> Closing {
        self.guard.settings().closing
    }

    /// The upgrade has completed. What was read from the transport already is judged first. Returns the transport if it
    /// is no longer wanted, because the handler has dropped its half.
    pub(super) fn activate(&mut self, io: T, inbox: Vec<u8>, carrier: Carrier, now: Instant) -> Option<T> {
        if !self.guard.open(inbox, carrier, now) {
            return Some(io);
        }
        self.transport.open(io);
        None
    }

    /// Installs a gate. Returns whether it is the only one.
    pub(super) fn hold(&mut self, gate: Gate) -> bool {
        let only = self.gate.is_none();
        self.gate.get_or_insert_with(|| Box::new(gate));
        only
    }

    pub(super) fn take_gate(&mut self) -> Option<Box<Gate>> {
        self.gate.take()
    }

    /// Takes the policies and the gate out of a connection that is over. They may own a handle to the connection, and
    /// are dropped after the lock is released.
    pub(super) fn take_policies(&mut self) -> DropUnlocked {
        DropUnlocked::new(self.guard.take_policies(), self.gate.take())
    }

    /// Takes the transport over if the handler is gone and there is no driver to do so.
    pub(super) fn take_if_abandoned(&mut self, now: Instant) -> Option<ClosingHandshake<T>> {
        if self.guard.is_driven() || !self.guard.is_abandoned() { None } else { self.take_over(now) }
    }

    /// Takes the transport from the handler, if the connection is ending.
    pub(super) fn take_over(&mut self, now: Instant) -> Option<ClosingHandshake<T>> {
        // Before the guard is asked: its phase must not change where there is nothing to take.
        if !self.transport.is_open() {
            return None;
        }
        let taken = self.guard.take_over(now)?;
        let carrier = self.guard.carrier();
        let io = self.transport.take()?;
        Some(ClosingHandshake::new(io, taken, carrier, self.bounds(), self.take_policies()))
    }

    /// Takes the transport out of a connection on which nothing more can be sent.
    pub(super) fn end(&mut self) -> (Ended, Option<T>, DropUnlocked) {
        (self.guard.end(), self.transport.take(), self.take_policies())
    }

    /// Wakes the tasks that the guard has asked to be woken.
    #[inline]
    pub(super) fn wake(&mut self) {
        let Wakes { handler, driver } = self.guard.take_wakes();
        if handler {
            self.wake_handler();
        }
        if driver {
            self.wakers.wake_driver();
        }
    }

    pub(super) fn wake_handler(&mut self) {
        self.wakers.wake_reader();
        self.wakers.wake_writer();
    }
}

#[cfg(test)]
mod tests {
    use crate::io::{Line, Shared};

    /// A server has more idle connections than anything else. What most of them never need is in boxes.
    #[test]
    fn an_idle_connection_is_small() {
        let size = size_of::<Shared<Line>>();
        assert!(size <= 930, "{size} bytes");
    }
}
