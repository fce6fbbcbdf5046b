//! What the handler sends: followed frame by frame, and looked at only where it closes.

use crate::{
    close::{CloseCode, CloseFrame},
    frame::{Decoder, FrameHeader, MAX_CONTROL, MAX_HEADER, apply_mask},
};

/// Where the handler's stream stands.
#[derive(Debug, Default)]
pub(super) struct Outbound {
    pub(super) decoder: Decoder,
    /// The frame under way is a control frame.
    pub(super) control: bool,
    /// The close frame that is under way.
    capture: Option<Box<Capture>>,
}

/// A close frame of which all comes in pieces.
#[derive(Debug, Default)]
struct Capture {
    bytes: Vec<u8>,
    /// So many were seen; an overlong frame is not kept whole.
    seen: u64,
}

/// How much of a write may go out as it is.
#[derive(Debug, Clone)]
pub(crate) struct Measure {
    /// So many bytes.
    pub(crate) pass: usize,
    /// Behind them a close frame begins, which [`Guard::capture_close`](super::Guard::capture_close) takes.
    pub(crate) close_follows: bool,
    pub(super) decoder: Decoder,
    pub(super) control: bool,
    /// Some of it is of a data message: a header, or payload.
    data: bool,
    pub(super) messages: u64,
}

impl Measure {
    /// Whether a part of a data message is in what was measured.
    #[inline]
    pub(crate) fn has_data(&self) -> bool {
        self.data
    }

    /// Measures on.
    #[inline]
    pub(crate) fn extend(&mut self, data: &[u8], one_frame: bool) {
        let mut rest = data;
        while !self.close_follows {
            self.data |= !self.decoder.skip_payload(&mut rest).is_empty() && !self.control;
            let Some(&first) = rest.first() else { break };
            if self.decoder.at_boundary() {
                if let (false, Some(behind)) = (one_frame, behind_short_message(rest)) {
                    self.messages += 1;
                    self.data = true;
                    rest = behind;
                    continue;
                }
                self.close_follows = first & 0x0f == 8;
                if self.close_follows || one_frame {
                    break;
                }
            }
            let Some(header) = self.decoder.next(&mut rest) else { break };
            self.messages += u64::from(header.starts_message());
            self.control = header.opcode().is_control();
            self.data |= !self.control;
        }
        self.pass += data.len() - rest.len();
    }
}

impl Outbound {
    /// A measure of nothing, from where the stream stands.
    #[inline]
    pub(super) fn measure(&self) -> Measure {
        let (decoder, control) = (self.decoder.clone(), self.control);
        Measure { pass: 0, close_follows: false, decoder, control, data: false, messages: 0 }
    }

    /// Whether a close frame is under way.
    #[inline]
    pub(super) fn is_capturing(&self) -> bool {
        self.capture.is_some()
    }

    /// Takes one byte. Returns the captured frame, mended, with its last.
    ///
    /// A library may write a close frame in pieces, so it is put together before anything of it goes out: once it is
    /// known whole, another may go in its place.
    pub(super) fn push(&mut self, byte: u8) -> Option<CloseFrame> {
        let capture = self.capture.get_or_insert_default();
        capture.seen += 1;
        if capture.bytes.len() < MAX_HEADER + MAX_CONTROL {
            capture.bytes.push(byte);
        }
        let header = FrameHeader::parse(&capture.bytes)?;
        if capture.seen < header.payload_len().saturating_add(header.len() as u64) {
            return None;
        }
        let mut payload = capture.bytes.split_off(header.len());
        self.capture = None;
        payload.truncate(MAX_CONTROL);
        apply_mask(&mut payload, header.mask().unwrap_or_default());
        Some(mend(&payload))
    }
}

/// What a handler may have meant by a close frame that may not be sent.
fn mend(payload: &[u8]) -> CloseFrame {
    let [high, low, reason @ ..] = payload else {
        return CloseFrame::empty();
    };
    // 1005 says that there is no code (RFC 6455, section 7.4.1): an empty frame is how that is sent.
    match u16::from_be_bytes([*high, *low]) {
        1005 => CloseFrame::empty(),
        // Others that may not be sent, such as 1006, are the handler's mistake.
        code => {
            let code = CloseCode::new(code).unwrap_or(CloseCode::INTERNAL_ERROR);
            CloseFrame::new(code, String::from_utf8_lossy(reason).into_owned())
        }
    }
}

/// What lies behind a whole text or binary message of less than 126 bytes, unmasked: most frames are such a one.
#[inline]
pub(super) fn behind_short_message(rest: &[u8]) -> Option<&[u8]> {
    let [first, len @ 0..=125, payload @ ..] = rest else { return None };
    if matches!(first, 0x81 | 0x82) { payload.get(usize::from(*len)..) } else { None }
}
