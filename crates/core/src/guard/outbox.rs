//! Frames of the guard's own, which are sent between two frames of the handler's.
//!
//! A control frame may stand between the fragments of a message, but not within a frame (RFC 6455, section 5.4). So
//! what the guard sends waits until the handler's stream stands between two frames.
//!
//! Pings are bounded by [`MAX_PINGS`]: a policy may ask for one at each deadline, and a peer that reads nothing would
//! otherwise collect them. A close frame is not bounded, as there is one.

use crate::{
    close::CloseFrame,
    frame::{Opcode, put_close, put_control},
};

/// How many bytes of pings may wait for a peer that does not read.
const MAX_PINGS: usize = 512;

/// What is sent at the next boundary: pings, or the handler's close frame, mended or replaced.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    /// What is still to be sent. It is little: what is left of it may be moved to the front.
    bytes: Vec<u8>,
    /// Something was sent, and the transport was not flushed since.
    unflushed: bool,
}

impl Outbox {
    pub(super) fn put_close(&mut self, frame: &CloseFrame) {
        put_close(&mut self.bytes, frame);
    }

    pub(super) fn put_ping(&mut self, payload: &[u8]) {
        put_control(&mut self.bytes, Opcode::PING, payload);
    }

    /// Whether there is room for another ping.
    pub(super) fn takes_pings(&self) -> bool {
        self.bytes.len() <= MAX_PINGS
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The bytes that are still to be sent.
    pub(crate) fn unsent(&self) -> &[u8] {
        &self.bytes
    }

    /// That many of the unsent bytes were written.
    pub(crate) fn sent(&mut self, bytes: usize) {
        self.bytes.drain(..bytes);
        self.unflushed |= self.bytes.is_empty();
    }

    #[inline]
    pub(crate) fn is_unflushed(&self) -> bool {
        self.unflushed
    }

    #[inline]
    pub(crate) fn flushed(&mut self) {
        self.unflushed = false;
    }

    /// Whether something waits to be sent or flushed.
    #[inline]
    pub(crate) fn is_pending(&self) -> bool {
        self.unflushed || !self.bytes.is_empty()
    }

    /// Takes what is left to send.
    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }
}
