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
///
/// Boxed, and only there while something waits to be sent or flushed: a connection is pinged a few times a minute.
#[derive(Debug, Default)]
pub(crate) struct Outbox(Option<Box<Own>>);

#[derive(Debug, Default)]
struct Own {
    /// What is still to be sent. It is little: what is left of it may be moved to the front.
    bytes: Vec<u8>,
    /// Something was sent, and the transport was not flushed since.
    unflushed: bool,
}

impl Outbox {
    pub(super) fn put_close(&mut self, frame: &CloseFrame) {
        put_close(&mut self.0.get_or_insert_default().bytes, frame);
    }

    pub(super) fn put_ping(&mut self, payload: &[u8]) {
        put_control(&mut self.0.get_or_insert_default().bytes, Opcode::PING, payload);
    }

    /// Whether there is room for another ping.
    pub(super) fn takes_pings(&self) -> bool {
        self.unsent().len() <= MAX_PINGS
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.unsent().is_empty()
    }

    /// The bytes that are still to be sent.
    #[inline]
    pub(crate) fn unsent(&self) -> &[u8] {
        self.0.as_deref().map_or(&[], |own| &own.bytes)
    }

    /// That many of the unsent bytes were written.
    pub(crate) fn sent(&mut self, bytes: usize) {
        if let Some(own) = &mut self.0 {
            own.bytes.drain(..bytes);
            own.unflushed |= own.bytes.is_empty();
        }
    }

    #[inline]
    pub(crate) fn is_unflushed(&self) -> bool {
        self.0.as_ref().is_some_and(|own| own.unflushed)
    }

    pub(crate) fn flushed(&mut self) {
        if let Some(own) = &mut self.0 {
            own.unflushed = false;
            self.let_go();
        }
    }

    /// Whether something waits to be sent or flushed.
    #[inline]
    pub(crate) fn is_pending(&self) -> bool {
        self.0.is_some()
    }

    /// Takes what is left to send.
    pub(super) fn take(&mut self) -> Vec<u8> {
        let bytes = self.0.as_mut().map(|own| std::mem::take(&mut own.bytes));
        self.let_go();
        bytes.unwrap_or_default()
    }

    /// Keeps nothing where nothing waits.
    fn let_go(&mut self) {
        self.0.take_if(|own| own.bytes.is_empty() && !own.unflushed);
    }
}
