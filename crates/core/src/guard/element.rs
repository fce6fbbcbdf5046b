//! What is next in the peer's stream: found by its header, and by its payload only if it is a control frame.
//!
//! Both passes of `inbound` ask here, so they cannot differ about what a header means. A control frame is an element
//! only when its payload is complete, since its payload decides: whose ping a pong answers, and what a close frame
//! says. It has at most 125 bytes, so waiting for it costs that much memory at most. A data frame is an element by its
//! header, and its payload is never looked at.

use super::{Guard, rules, stream::Stream};
use crate::{
    close::{CloseFrame, MalformedClose},
    frame::{FrameHeader, MAX_CONTROL, Opcode, apply_mask},
    settings::Framing,
};

/// What is at a place in the stream.
pub(super) enum Element {
    /// Nothing.
    End,
    /// Half a header, or half a control frame.
    Incomplete,
    /// A header that breaks a framing rule.
    Violation(CloseFrame),
    /// A close frame, which ends there.
    Close(usize, Result<CloseFrame, MalformedClose>),
    /// A pong that ends there, and the ping of the guard's own that it answers.
    OwnPong(usize, u32),
    /// Any other frame.
    Frame(FrameHeader),
}

impl Guard {
    /// Finds what is at a place in the stream, and counts in `violations` what breaks a rule and passes.
    #[inline]
    pub(super) fn element(&self, stream: &Stream, data: &[u8], at: usize, violations: &mut u64) -> Element {
        if at == data.len() {
            return Element::End;
        }
        let Some(header) = FrameHeader::parse(&data[at..]) else {
            return Element::Incomplete;
        };
        let checked = rules::check(&header, stream.open.is_some(), self.compression);
        if let (Err(violation), Framing::Enforce) = (checked, self.framing) {
            return Element::Violation(violation.close_frame());
        }
        // An overlong control frame gets here only if violations are reported and not enforced. It passes like any
        // other frame: waiting until it is complete would mean to buffer as much as its header declares.
        let element = if header.opcode().is_control() && header.payload_len() <= MAX_CONTROL as u64 {
            self.control(&header, data, at)
        } else {
            Element::Frame(header)
        };
        // Counted once, though it may be presented again: when its payload is complete, or after a delay.
        if checked.is_err() && self.resumed.is_none() && !matches!(element, Element::Incomplete) {
            *violations += 1;
        }
        element
    }

    /// Looks at a control frame once it is complete.
    fn control(&self, header: &FrameHeader, data: &[u8], at: usize) -> Element {
        let start = at + header.len();
        let mut payload = [0; MAX_CONTROL];
        let len = usize::try_from(header.payload_len()).unwrap_or(MAX_CONTROL);
        let Some(masked) = data.get(start..start + len) else {
            return Element::Incomplete;
        };
        let payload = &mut payload[..len];
        payload.copy_from_slice(masked);
        apply_mask(payload, header.mask().unwrap_or_default());
        match header.opcode() {
            Opcode::CLOSE => Element::Close(start + len, CloseFrame::parse(payload)),
            Opcode::PONG => match self.pings.answered_by(payload) {
                Some(ping) => Element::OwnPong(start + len, ping),
                None => Element::Frame(*header),
            },
            _ => Element::Frame(*header),
        }
    }
}
