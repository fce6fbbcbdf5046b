//! What a server sends, as a test reads it: one frame at a time.

use crate::{
    close::CloseFrame,
    frame::{FrameHeader, Opcode},
};

/// What a server sent.
///
/// What is legal for a server to send is a variant of its own; anything else is [`Other`](Self::Other), so that a test
/// which expects a message fails where the server has sent an illegal frame.
///
/// ```
/// use portcullis_core::testing::{Client, Message};
/// # use tokio::io::{AsyncWriteExt, duplex};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
/// let (ours, mut server) = duplex(1024);
/// let mut client = Client::new(ours);
/// server.write_all(b"\x82\x01!\x01\x01?\x81\x81\0\0\0\0m").await?;
/// assert_eq!(client.next().await, Some(Message::Binary(b"!".into())));
/// assert_eq!(client.next().await, Some(Message::Other(0x01, b"?".into())), "a fragment");
/// assert_eq!(client.next().await, Some(Message::Other(0x81, b"m".into())), "masked, as no server may (section 5.1)");
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Message {
    /// A text message.
    Text(String),
    /// A binary message.
    Binary(Vec<u8>),
    /// A ping, which is not answered automatically: see [`Client::send_pong`](super::Client::send_pong).
    Ping(Vec<u8>),
    /// A pong.
    Pong(Vec<u8>),
    /// A close frame; [`CloseFrame::empty`] if it has no code. It is not answered automatically.
    Close(CloseFrame),
    /// Any other frame, by its first byte (FIN, the reserved bits and the opcode) and its payload as it was sent: a
    /// fragment, a compressed message, a masked frame, text that is not UTF-8, or a close that RFC 6455 forbids.
    Other(u8, Vec<u8>),
}

impl Message {
    /// Takes a frame from the front of `bytes`; `None` if it is not all there.
    pub(super) fn take(bytes: &mut Vec<u8>) -> Option<Self> {
        let header = FrameHeader::parse(bytes)?;
        let end = usize::try_from(header.payload_len()).ok()?.checked_add(header.len())?;
        if bytes.len() < end {
            return None;
        }
        let first = bytes[0];
        let payload = bytes.drain(..end).skip(header.len()).collect();
        Some(Self::of(header, first, payload))
    }

    fn of(header: FrameHeader, first: u8, payload: Vec<u8>) -> Self {
        let plain = header.fin() && !header.rsv1() && !header.rsv2_or_3() && header.mask().is_none();
        if !plain {
            return Self::Other(first, payload);
        }
        match header.opcode() {
            Opcode::TEXT => match String::from_utf8(payload) {
                Ok(text) => Self::Text(text),
                Err(error) => Self::Other(first, error.into_bytes()),
            },
            Opcode::BINARY => Self::Binary(payload),
            Opcode::PING => Self::Ping(payload),
            Opcode::PONG => Self::Pong(payload),
            Opcode::CLOSE => CloseFrame::parse(&payload).map_or(Self::Other(first, payload), Self::Close),
            _ => Self::Other(first, payload),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{close::CloseCode, frame::put_frame};

    #[test]
    fn each_frame_is_what_it_is_and_no_part_of_one_is_anything() {
        let close = CloseFrame::new(CloseCode::NORMAL, "bye");
        for (first, payload, mask, message) in [
            (0x81, &b"hello"[..], None, Message::Text("hello".into())),
            (0x81, b"\xff", None, Message::Other(0x81, b"\xff".into())),
            (0x82, b"\xff", None, Message::Binary(b"\xff".into())),
            (0x89, b"there?", None, Message::Ping(b"there?".into())),
            (0x8a, b"", None, Message::Pong(Vec::new())),
            (0x88, b"\x03\xe8bye", None, Message::Close(close)),
            (0x88, b"", None, Message::Close(CloseFrame::empty())),
            (0x88, b"\x03\xed", None, Message::Other(0x88, b"\x03\xed".into())),
            (0x01, b"frag", None, Message::Other(0x01, b"frag".into())),
            (0x80, b"ment", None, Message::Other(0x80, b"ment".into())),
            (0xc1, b"deflated", None, Message::Other(0xc1, b"deflated".into())),
            (0x81, b"hello", Some([0; 4]), Message::Other(0x81, b"hello".into())),
        ] {
            let mut bytes = Vec::new();
            put_frame(&mut bytes, first, payload, mask);
            for cut in 0..bytes.len() {
                assert_eq!(Message::take(&mut bytes[..cut].to_vec()), None, "{message:?} cut at {cut}");
            }
            bytes.push(0x81);
            assert_eq!(Message::take(&mut bytes), Some(message));
            assert_eq!(bytes, [0x81], "what comes next is left");
        }
    }

    #[test]
    fn a_frame_of_any_declared_length_is_waited_for() {
        let mut bytes = vec![0x82, 0x7f, 255, 255, 255, 255, 255, 255, 255, 255, 0, 0];
        assert_eq!(Message::take(&mut bytes), None);
    }
}
