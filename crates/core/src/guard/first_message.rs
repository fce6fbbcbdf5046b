//! The first message, read by the gate instead of the handler.
//!
//! Memory is bounded before the peer is known: a frame is refused by its header if it would not be accepted whole.
//!
//! The order of the checks is the bound: a frame is judged by its header as soon as that is there, so a message that
//! declares a gigabyte is refused after fourteen bytes, and one of many small fragments when the sum of their lengths
//! exceeds the maximum. Control frames count as well. What is left unbounded is the time, which the gate has.

use super::rules::{self, Violation};
use crate::{
    close::{CloseCode, CloseFrame, MalformedClose},
    frame::{FrameHeader, Opcode, apply_mask},
    gate::FirstMessage,
};

/// How many frames a peer may send up to the end of its first message: control frames and fragments. It bounds the
/// answers to pings, and empty fragments.
const MAX_FRAMES: u8 = 64;

/// What is at the front of a peer's stream.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum FirstEvent {
    /// More is needed.
    Nothing,
    /// A ping with this payload, to be answered.
    Ping(Vec<u8>),
    Message(FirstMessage),
    /// The peer closes instead.
    Closed(Result<CloseFrame, MalformedClose>),
    /// The frame is not allowed, and the connection is closed with this.
    Refused(CloseFrame),
}

/// Reassembles the first message.
#[derive(Debug)]
pub(crate) struct FirstMessageReader {
    max_bytes: usize,
    frames: u8,
    message: Option<FirstMessage>,
}

impl FirstMessageReader {
    pub(crate) fn new(max_bytes: usize) -> Self {
        Self { max_bytes, frames: 0, message: None }
    }

    /// Takes whole frames from the front of what was read.
    pub(crate) fn next(&mut self, inbox: &mut Vec<u8>) -> FirstEvent {
        loop {
            let Some(header) = FrameHeader::parse(inbox) else { return FirstEvent::Nothing };
            if let Err(refused) = self.admit(&header) {
                return FirstEvent::Refused(refused);
            }
            let Some(payload) = take(inbox, &header) else { return FirstEvent::Nothing };
            self.frames += 1;
            match header.opcode() {
                Opcode::CLOSE => return FirstEvent::Closed(CloseFrame::parse(&payload)),
                Opcode::PING => return FirstEvent::Ping(payload),
                Opcode::PONG => {}
                _ => {
                    if let Some(message) = self.join(&header, payload) {
                        return FirstEvent::Message(message);
                    }
                }
            }
        }
    }

    /// Judges a header before its payload is there, so that no payload is buffered that would be refused.
    fn admit(&self, header: &FrameHeader) -> Result<(), CloseFrame> {
        // No extension is agreed on: the gate has removed the offer from the request.
        rules::check(header, self.message.is_some(), false).map_err(Violation::close_frame)?;
        if self.frames == MAX_FRAMES {
            return Err(CloseFrame::new(CloseCode::POLICY_VIOLATION, "too many frames before the first message"));
        }
        let before = self.message.as_ref().map_or(0, |message| message.payload.len());
        let len = usize::try_from(header.payload_len()).unwrap_or(usize::MAX).saturating_add(before);
        if !header.opcode().is_control() && len > self.max_bytes {
            return Err(CloseFrame::new(CloseCode::MESSAGE_TOO_BIG, "first message too big"));
        }
        Ok(())
    }

    /// Appends a fragment. Returns the message with its last one. A compressed message cannot come: its reserved bit
    /// was refused by the rules.
    fn join(&mut self, header: &FrameHeader, payload: Vec<u8>) -> Option<FirstMessage> {
        match &mut self.message {
            Some(message) => message.payload.extend(payload),
            empty => *empty = Some(FirstMessage { text: header.opcode() == Opcode::TEXT, payload }),
        }
        if header.fin() { self.message.take() } else { None }
    }
}

/// Takes a frame from the front, and returns its payload unmasked. `None` if it is incomplete.
fn take(inbox: &mut Vec<u8>, header: &FrameHeader) -> Option<Vec<u8>> {
    let len = usize::try_from(header.payload_len()).ok()?;
    let end = header.len().checked_add(len)?;
    let mut payload = inbox.get(header.len()..end)?.to_vec();
    apply_mask(&mut payload, header.mask().unwrap_or_default());
    inbox.drain(..end);
    Some(payload)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::put_frame;

    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        put_frame(&mut bytes, first, payload, Some([1, 2, 3, 4]));
        bytes
    }

    fn all(max_bytes: usize, bytes: &[u8], piece: usize) -> (Vec<FirstEvent>, Vec<u8>) {
        let mut reader = FirstMessageReader::new(max_bytes);
        let (mut inbox, mut found) = (Vec::new(), Vec::new());
        let mut pieces = bytes.chunks(piece);
        loop {
            match reader.next(&mut inbox) {
                FirstEvent::Nothing => match pieces.next() {
                    Some(piece) => inbox.extend(piece),
                    None => return (found, inbox),
                },
                FirstEvent::Ping(payload) => found.push(FirstEvent::Ping(payload)),
                end => {
                    found.push(end);
                    inbox.extend(pieces.flatten());
                    return (found, inbox);
                }
            }
        }
    }

    fn message(text: bool, payload: &[u8]) -> FirstEvent {
        FirstEvent::Message(FirstMessage { text, payload: payload.to_vec() })
    }

    #[test]
    fn a_message_is_found_in_any_pieces_and_what_follows_is_left() {
        let bytes = [frame(0x89, b"hi"), frame(0x01, b"to"), frame(0x8a, b""), frame(0x80, b"ken"), b"rest".to_vec()];
        let bytes = bytes.concat();
        for piece in 1..bytes.len() {
            let (found, rest) = all(5, &bytes, piece);
            assert_eq!(found, [FirstEvent::Ping(b"hi".to_vec()), message(true, b"token")], "{piece}");
            assert_eq!(rest, b"rest", "{piece}");
        }
        assert_eq!(all(1, &frame(0x82, b"\xff"), 9).0, [message(false, b"\xff")]);
    }

    #[test]
    fn what_is_no_message_is_refused_from_its_header() {
        let code = |bytes: &[u8]| match all(4, bytes, 100).0.pop() {
            Some(FirstEvent::Refused(frame)) => frame.code().unwrap().as_u16(),
            other => panic!("{other:?}"),
        };
        assert_eq!(code(&[0x81, 0x85, 0, 0, 0, 0]), 1009);
        assert_eq!(code(&[frame(0x01, b"abc"), vec![0x80, 0x82, 0, 0, 0, 0]].concat()), 1009);
        assert_eq!(code(&[0x81, 0xff, 0x7f, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0]), 1009);
        assert_eq!(code(&[0x81, 0x01]), 1002);
        assert_eq!(code(&frame(0xc1, b"a")), 1002, "compressed, which was not agreed");
        assert_eq!(code(&frame(0x80, b"a")), 1002);
        assert_eq!(code(&frame(0x8a, b"").repeat(65)), 1008);
        assert_eq!(code(&[frame(0x01, b""), frame(0x00, b"").repeat(64)].concat()), 1008);
    }

    #[test]
    fn a_close_is_found() {
        assert_eq!(all(9, &frame(0x88, &[3, 232]), 3).0, [FirstEvent::Closed(CloseFrame::parse(&[3, 232]))]);
    }
}
