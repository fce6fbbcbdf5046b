//! The framing rules of RFC 6455 that need no payload.
//!
//! They are checked before any policy is asked and before the handler's library sees a byte: libraries differ in which
//! of them they enforce, and with which close code. Text that is not UTF-8 is left to the library, because only it
//! reads payload.
//!
//! | Rule | Section | What it prevents |
//! | --- | --- | --- |
//! | reserved bits are zero | 5.2 | a frame that a library and the guard read differently |
//! | reserved opcodes do not occur | 5.2 | the same |
//! | a client's frames are masked | 5.1 | a client that makes a proxy take its bytes for a request or a response |
//! | a length has 63 bits | 5.2 | overflows where lengths are added |
//! | control frames are short and whole | 5.5 | a control frame that has to be buffered in full, and one that never ends |
//! | a continuation continues something | 5.4 | a message without a type |
//! | a message is not begun inside another | 5.4 | two messages whose fragments mix |
//!
//! The order in which they are checked decides only which reason the peer reads, for a frame that breaks several.

use std::fmt;

use crate::{
    close::{CloseCode, CloseFrame},
    frame::{FrameHeader, MAX_CONTROL, Opcode},
};

/// A framing rule that the peer broke (RFC 6455, sections 5.1 to 5.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub(crate) enum Violation {
    /// A reserved bit is set that no extension gave a meaning.
    ReservedBit,
    /// An opcode that RFC 6455 leaves undefined.
    ReservedOpcode,
    /// A client's frame is not masked.
    NotMasked,
    /// A control frame of more than 125 bytes.
    ControlTooLong,
    /// A control frame in fragments.
    ControlFragmented,
    /// A continuation while no message is open.
    ContinuationWithoutStart,
    /// A new message while another is open.
    MessageInsideMessage,
    /// A length of 2^63 bytes or more.
    LengthOutOfRange,
}

impl Violation {
    /// The rule, as the close reason names it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::ReservedBit => "reserved bit set",
            Self::ReservedOpcode => "reserved opcode",
            Self::NotMasked => "client frame is not masked",
            Self::ControlTooLong => "control frame over 125 bytes",
            Self::ControlFragmented => "fragmented control frame",
            Self::ContinuationWithoutStart => "continuation without a message",
            Self::MessageInsideMessage => "message inside a fragmented message",
            Self::LengthOutOfRange => "frame length out of range",
        }
    }
}

impl Violation {
    /// The close frame that answers it.
    pub(super) fn close_frame(self) -> CloseFrame {
        CloseFrame::new(CloseCode::PROTOCOL_ERROR, self.as_str())
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Checks one header. `open` says whether a fragmented message is open, `compression` whether RSV1 has a meaning.
#[inline]
pub(super) fn check(header: &FrameHeader, open: bool, compression: bool) -> Result<(), Violation> {
    let opcode = header.opcode();
    // Only on the first frame of a message, and never on a control frame (RFC 7692, section 6).
    let rsv1_legal = compression && header.starts_message();
    if header.rsv2_or_3() || (header.rsv1() && !rsv1_legal) {
        return Err(Violation::ReservedBit);
    }
    if opcode.is_reserved() {
        return Err(Violation::ReservedOpcode);
    }
    if header.mask().is_none() {
        return Err(Violation::NotMasked);
    }
    // RFC 6455, section 5.2: the most significant bit must be 0. Checked before anything is added to a length.
    if header.payload_len() >> 63 != 0 {
        return Err(Violation::LengthOutOfRange);
    }
    if opcode.is_control() {
        return control(header);
    }
    match (opcode == Opcode::CONTINUATION, open) {
        (true, false) => Err(Violation::ContinuationWithoutStart),
        (false, true) => Err(Violation::MessageInsideMessage),
        _ => Ok(()),
    }
}

fn control(header: &FrameHeader) -> Result<(), Violation> {
    if !header.fin() {
        return Err(Violation::ControlFragmented);
    }
    if header.payload_len() > MAX_CONTROL as u64 {
        return Err(Violation::ControlTooLong);
    }
    Ok(())
}
