//! What the handler sends: followed frame by frame, and inspected only where it closes.
//!
//! The guard cannot simply write when it has something to say: the handler's library may be in the middle of a frame,
//! and what comes next would be taken for its payload. So a decoder follows the library's bytes as they are written,
//! and knows at each moment whether the next one begins a frame.
//!
//! A write may be accepted in part, or not at all. The measure is therefore taken on a copy of the decoder, and becomes
//! the position only when that many bytes were written ([`Guard::wrote`](super::Guard::wrote)).

use super::run::Form;
use crate::{
    close::{CloseCode, CloseFrame},
    frame::{Decoder, FrameHeader, MAX_CONTROL, MAX_HEADER, apply_mask},
};

/// The position in the handler's stream.
#[derive(Debug, Default)]
pub(super) struct Outbound {
    pub(super) decoder: Decoder,
}

/// A close frame that arrives in pieces.
#[derive(Debug, Default)]
pub(super) struct Capture {
    bytes: Vec<u8>,
    /// How many bytes were seen. Fewer are kept of a frame that is too long.
    seen: u64,
}

/// How much of a write may go out as it is.
#[derive(Debug, Clone)]
pub(crate) struct Measure {
    /// How many bytes may go out.
    pub(crate) pass: usize,
    /// A close frame begins after them, which [`Guard::capture_close`](super::Guard::capture_close) takes.
    pub(crate) close_follows: bool,
    pub(super) decoder: Decoder,
    /// Some of the bytes belong to a data message, as header or payload.
    data: bool,
    pub(super) messages: u64,
}

impl Measure {
    /// Whether what was measured includes a part of a data message.
    #[inline]
    pub(crate) fn has_data(&self) -> bool {
        self.data
    }

    /// Measures more bytes: up to a close frame or, with `one_frame`, up to the next boundary.
    #[inline]
    pub(crate) fn extend(&mut self, data: &[u8], one_frame: bool) {
        let mut rest = data;
        while !self.close_follows {
            self.data |= !self.decoder.skip_payload(&mut rest).is_empty() && !self.decoder.in_control_frame();
            if rest.is_empty() {
                break;
            }
            if self.decoder.at_boundary() && !one_frame {
                // Most frames: skipped without the decoder.
                let run = Form::UNMASKED.run(rest);
                self.messages += run.messages as u64;
                self.data |= run.messages > 0;
                rest = &rest[run.bytes..];
            }
            let Some(&first) = rest.first() else { break };
            if self.decoder.at_boundary() {
                self.close_follows = first & 0x0f == 8;
                if self.close_follows || one_frame {
                    break;
                }
            }
            let Some(header) = self.decoder.next(&mut rest) else { break };
            self.messages += u64::from(header.starts_message());
            self.data |= !self.decoder.in_control_frame();
        }
        self.pass += data.len() - rest.len();
    }
}

impl Outbound {
    /// An empty measure from the current position. On a copy of the decoder: a write may be short, or pending.
    #[inline]
    pub(super) fn measure(&self) -> Measure {
        Measure { pass: 0, close_follows: false, decoder: self.decoder.clone(), data: false, messages: 0 }
    }
}

impl Capture {
    /// Takes one byte. With the last one, returns the captured frame, mended.
    ///
    /// A library may write a close frame in pieces. Nothing of it goes out before it is complete, because only then is
    /// it known whether another frame must go in its place.
    pub(super) fn push(&mut self, byte: u8) -> Option<CloseFrame> {
        self.seen += 1;
        if self.bytes.len() < MAX_HEADER + MAX_CONTROL {
            self.bytes.push(byte);
        }
        let header = FrameHeader::parse(&self.bytes)?;
        if self.seen < header.payload_len().saturating_add(header.len() as u64) {
            return None;
        }
        let mut payload = self.bytes.split_off(header.len());
        payload.truncate(MAX_CONTROL);
        apply_mask(&mut payload, header.mask().unwrap_or_default());
        Some(mend(&payload))
    }
}

/// The frame to send for a handler's close frame, which may have a code that must not be sent.
fn mend(payload: &[u8]) -> CloseFrame {
    let [high, low, reason @ ..] = payload else {
        return CloseFrame::empty();
    };
    // 1005 stands for "no code" (RFC 6455, section 7.4.1), which an empty frame says on the wire.
    match u16::from_be_bytes([*high, *low]) {
        1005 => CloseFrame::empty(),
        // Other codes that must not be sent, such as 1006, are mistakes of the handler.
        code => {
            let code = CloseCode::new(code).unwrap_or(CloseCode::INTERNAL_ERROR);
            CloseFrame::new(code, String::from_utf8_lossy(reason).into_owned())
        }
    }
}
