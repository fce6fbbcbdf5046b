//! What a client sends, encoded once.

use portcullis_core::frame::put_frame;

pub(crate) const MASK: [u8; 4] = [0x5a, 0xc3, 0x0f, 0x96];

/// A batch of messages, sent together.
#[derive(Debug, Clone)]
pub(crate) struct Load {
    pub(crate) frames: Vec<u8>,
    /// How many bytes the echo has.
    pub(crate) answer: usize,
    pub(crate) messages: u64,
}

impl Load {
    pub(crate) fn new(payload: usize, messages: usize) -> Self {
        let mut frame = Vec::new();
        put_frame(&mut frame, 0x82, &vec![b'x'; payload], Some(MASK));
        let answer = (frame.len() - MASK.len()) * messages;
        Self { frames: frame.repeat(messages), answer, messages: messages as u64 }
    }
}
