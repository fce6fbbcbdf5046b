//! Sequences of frames that no client should send.

use super::frames;

/// An unmasked text.
pub(crate) const UNMASKED: &[u8] = b"\x81\x05hello";

/// A text with a reserved bit that no extension uses.
pub(crate) fn reserved_bit() -> Vec<u8> {
    frames(1, 0xa1, b"hello")
}

/// A message that starts, and continues with empty fragments.
pub(crate) fn empty_continuations(count: usize) -> Vec<u8> {
    let mut bytes = frames(1, 0x01, b"begin");
    bytes.extend(frames(count, 0x00, b""));
    bytes
}

/// A message in fragments of one byte, which does not end.
pub(crate) fn tiny_fragments(count: usize) -> Vec<u8> {
    let mut bytes = frames(1, 0x01, b"b");
    bytes.extend(frames(count, 0x00, b"x"));
    bytes
}

/// A header that declares 2^62 bytes, without a payload.
pub(crate) fn declared() -> Vec<u8> {
    let mut bytes = vec![0x82, 0xff];
    bytes.extend((1_u64 << 62).to_be_bytes());
    bytes.extend([0; 4]);
    bytes
}

/// Sixteen fragments up to the limit, and one more byte.
pub(crate) fn over_in_fragments(limit: usize) -> Vec<u8> {
    let mut bytes = frames(1, 0x02, &vec![0; limit / 16]);
    bytes.extend(frames(15, 0x00, &vec![0; limit / 16]));
    bytes.extend(frames(1, 0x80, &vec![0; limit % 16 + 1]));
    bytes
}
