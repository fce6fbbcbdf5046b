//! What becomes of bytes that the handler writes: they are measured and counted, and only a close frame is held.
//!
//! There is no policy for what a handler sends: it is the application's own. The guard follows it for two reasons only,
//! to find the boundaries between which its own frames may go, and to find the close frame after which nothing may
//! follow (RFC 6455, section 5.5.1).

use super::{Guard, Measure};
use crate::close::CloseFrame;

impl Guard {
    /// Whether the handler's next byte begins a frame, so that a frame of the guard's own may go first.
    #[inline]
    pub(crate) fn outbound_at_boundary(&self) -> bool {
        self.outbound.decoder.at_boundary()
    }

    /// An empty measure from the current position in the handler's stream.
    #[inline]
    pub(crate) fn measure_start(&self) -> Measure {
        self.outbound.measure()
    }

    /// Measures a write: all of it, up to a close frame or, with `one_frame`, up to the next boundary.
    #[inline]
    pub(crate) fn measure(&self, data: &[u8], one_frame: bool) -> Measure {
        let mut measure = self.measure_start();
        measure.extend(data, one_frame);
        measure
    }

    /// What was measured was written completely.
    #[inline]
    pub(crate) fn wrote(&mut self, measure: Measure) {
        self.counters.bytes_out += measure.pass as u64;
        self.counters.messages_out += measure.messages;
        self.outbound.decoder = measure.decoder;
    }

    /// Takes bytes of the handler's close frame. Returns how many, and the frame, mended, once it is whole.
    pub(crate) fn capture_close(&mut self, data: &[u8]) -> (usize, Option<CloseFrame>) {
        for (taken, &byte) in data.iter().enumerate() {
            if let Some(frame) = self.closes.capture(byte) {
                return (taken + 1, Some(frame));
            }
        }
        (data.len(), None)
    }

    /// Whether a close frame of the handler is being captured.
    #[inline]
    pub(crate) fn is_capturing(&self) -> bool {
        self.closes.is_capturing()
    }
}
