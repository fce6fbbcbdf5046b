//! What a client sends, encoded once.

pub(crate) const MASK: [u8; 4] = [0x5a, 0xc3, 0x0f, 0x96];

/// So many messages, sent together.
#[derive(Debug, Clone)]
pub(crate) struct Load {
    pub(crate) frames: Vec<u8>,
    /// How many bytes the echo has.
    pub(crate) answer: usize,
    pub(crate) messages: u64,
}

impl Load {
    pub(crate) fn new(payload: usize, messages: usize) -> Self {
        let frame = masked(payload);
        let answer = (frame.len() - MASK.len()) * messages;
        Self { frames: frame.repeat(messages), answer, messages: messages as u64 }
    }
}

fn masked(payload: usize) -> Vec<u8> {
    let mut frame = vec![0x82];
    extend_with_length(&mut frame, payload);
    frame.extend(MASK);
    frame.extend(MASK.iter().cycle().take(payload).map(|byte| byte ^ b'x'));
    frame
}

/// The length as RFC 6455, section 5.2 has it, with the bit that says masked.
fn extend_with_length(frame: &mut Vec<u8>, payload: usize) {
    if let Ok(short @ 0..=125) = u8::try_from(payload) {
        frame.push(0x80 | short);
    } else if let Ok(medium) = u16::try_from(payload) {
        frame.push(0xfe);
        frame.extend(medium.to_be_bytes());
    } else {
        frame.push(0xff);
        frame.extend((payload as u64).to_be_bytes());
    }
}
