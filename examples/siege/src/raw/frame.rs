//! Frames as a client sends them.

use portcullis_core::frame::put_frame;

/// Appends a frame, masked with zeros.
pub(crate) fn frame(out: &mut Vec<u8>, first: u8, payload: &[u8]) {
    put_frame(out, first, payload, Some([0; 4]));
}

/// The same frame, `count` times.
pub(crate) fn frames(count: usize, first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..count {
        frame(&mut bytes, first, payload);
    }
    bytes
}
