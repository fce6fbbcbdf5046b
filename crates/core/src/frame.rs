//! Frames (RFC 6455, section 5.2): reads their headers, and writes whole frames with [`put_frame`].
//!
//! [`FrameHeader::parse`] reads a header from the front of a slice; [`Decoder`] does so for bytes that arrive in any
//! pieces. Both are total: no input makes them panic or allocate, and no payload is copied or unmasked.
//!
//! ```
//! use portcullis_core::frame::{FrameHeader, Opcode};
//!
//! let header = FrameHeader::parse(&[0x81, 0x05, b'h']).unwrap();
//! assert_eq!((header.opcode(), header.payload_len(), header.len()), (Opcode::TEXT, 5, 2));
//! assert_eq!(FrameHeader::parse(&[0x81]), None);
//! ```
//!
//! # The header
//!
//! | Bytes | Bits | Meaning |
//! | --- | --- | --- |
//! | first | `0x80` | FIN: the last frame of its message |
//! | | `0x40`, `0x20`, `0x10` | RSV1 to RSV3: zero, unless an extension gives them a meaning |
//! | | `0x0f` | the opcode |
//! | second | `0x80` | the payload is masked |
//! | | `0x7f` | the length of the payload up to 125; 126 and 127: it follows |
//! | 2 or 8 | | the length, in network byte order, after 126 or 127 |
//! | 4 | | the masking key, if the payload is masked |
//!
//! A header says nothing about whether it is legal. The guard of a connection checks what it read against sections 5.1
//! to 5.5 before it passes a frame on, and [`Opcode::is_reserved`] and [`FrameHeader::rsv2_or_3`] are what it looks at.

use std::fmt;

#[cfg(any(test, feature = "guard"))]
use crate::close::CloseFrame;

/// The most bytes a header has: two, eight of extended length, four of mask.
pub const MAX_HEADER: usize = 14;

/// The most bytes the payload of a control frame may have (RFC 6455, section 5.5).
pub const MAX_CONTROL: usize = 125;

/// What a frame carries. Reserved opcodes are representable, as a header is read before it is judged.
///
/// ```
/// use portcullis_core::frame::{FrameHeader, Opcode};
///
/// let opcode = |first: u8| FrameHeader::parse(&[first, 0]).unwrap().opcode();
/// assert_eq!(opcode(0x89), Opcode::PING);
/// assert!(opcode(0x89).is_control() && !opcode(0x81).is_control());
/// // 3 to 7 and 11 to 15 are reserved (RFC 6455, section 5.2). Such a header can be read, but the guard refuses it.
/// assert!(opcode(0x83).is_reserved());
/// assert_eq!(opcode(0x83).as_u8(), 3);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Opcode(u8);

impl Opcode {
    /// 0: the next part of a fragmented message.
    pub const CONTINUATION: Self = Self(0);
    /// 1: text.
    pub const TEXT: Self = Self(1);
    /// 2: binary.
    pub const BINARY: Self = Self(2);
    /// 8: close.
    pub const CLOSE: Self = Self(8);
    /// 9: ping.
    pub const PING: Self = Self(9);
    /// 10: pong.
    pub const PONG: Self = Self(10);

    /// The number, 0 to 15.
    pub const fn as_u8(self) -> u8 {
        self.0
    }

    /// Whether this is a control frame's opcode (8 to 15).
    pub const fn is_control(self) -> bool {
        self.0 >= 8
    }

    /// Whether RFC 6455 leaves the opcode undefined.
    pub const fn is_reserved(self) -> bool {
        !matches!(self.0, 0..=2 | 8..=10)
    }
}

impl fmt::Debug for Opcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Opcode({})", self.0)
    }
}

/// The header of one frame.
///
/// A copy of what the bytes said: it borrows nothing. It declares a length; whether that many bytes follow is not known
/// yet.
///
/// ```
/// use portcullis_core::frame::{FrameHeader, Opcode};
///
/// // The first fragment of a compressed text, masked, with a length of two bytes.
/// let header = FrameHeader::parse(&[0x41, 0xfe, 0x01, 0x00, 1, 2, 3, 4]).unwrap();
/// assert_eq!((header.opcode(), header.fin(), header.rsv1()), (Opcode::TEXT, false, true));
/// assert_eq!((header.payload_len(), header.mask(), header.len()), (256, Some([1, 2, 3, 4]), 8));
/// assert!(header.starts_message());
///
/// // A length that is announced, and absurd, allocates nothing.
/// let huge = [0x82, 0x7f, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
/// assert_eq!(FrameHeader::parse(&huge).unwrap().payload_len(), u64::MAX >> 1);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHeader {
    first: u8,
    mask: Option<[u8; 4]>,
    payload_len: u64,
    len: u8,
}

impl FrameHeader {
    /// Reads the header at the front of `bytes`; `None` if it is not all there.
    #[inline]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let (&first, rest) = bytes.split_first()?;
        let (&second, rest) = rest.split_first()?;
        let (payload_len, rest, extended) = match second & 0x7f {
            126 => {
                let (length, rest) = rest.split_first_chunk()?;
                (u64::from(u16::from_be_bytes(*length)), rest, 2)
            }
            127 => {
                let (length, rest) = rest.split_first_chunk()?;
                (u64::from_be_bytes(*length), rest, 8)
            }
            short => (u64::from(short), rest, 0),
        };
        let masked = second & 0x80 != 0;
        let mask = if masked { Some(*rest.first_chunk()?) } else { None };
        Some(Self { first, mask, payload_len, len: 2 + extended + if masked { 4 } else { 0 } })
    }

    /// Whether this is the last frame of its message.
    pub const fn fin(&self) -> bool {
        self.first & 0x80 != 0
    }

    /// Whether RSV1 is set: compressed, where permessage-deflate was agreed (RFC 7692).
    pub const fn rsv1(&self) -> bool {
        self.first & 0x40 != 0
    }

    /// Whether RSV2 or RSV3 is set.
    pub const fn rsv2_or_3(&self) -> bool {
        self.first & 0x30 != 0
    }

    /// What the frame carries.
    pub const fn opcode(&self) -> Opcode {
        Opcode(self.first & 0x0f)
    }

    /// The masking key, if the payload is masked.
    pub const fn mask(&self) -> Option<[u8; 4]> {
        self.mask
    }

    /// The length of the payload in bytes, as declared; RFC 6455 allows less than 2^63.
    pub const fn payload_len(&self) -> u64 {
        self.payload_len
    }

    /// The length of the header itself in bytes, 2 to 14.
    #[expect(clippy::len_without_is_empty, reason = "a header is never empty")]
    pub const fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether this frame begins a text or binary message.
    pub const fn starts_message(&self) -> bool {
        matches!(self.first & 0x0f, 1 | 2)
    }
}

/// Follows a stream of frames through bytes that arrive in any pieces.
///
/// ```
/// use portcullis_core::frame::{Decoder, Opcode};
///
/// let stream = b"\x81\x05hello\x89\x00\x88\x00"; // a text, a ping and a close, as a server sends them
/// for size in 1..=stream.len() {
///     let (mut decoder, mut opcodes) = (Decoder::new(), Vec::new());
///     for mut piece in stream.chunks(size) {
///         while let Some(header) = decoder.next(&mut piece) {
///             opcodes.push(header.opcode());
///         }
///     }
///     assert!(decoder.at_boundary());
///     assert_eq!(opcodes, [Opcode::TEXT, Opcode::PING, Opcode::CLOSE], "in pieces of {size} bytes");
/// }
/// ```
#[derive(Debug, Clone, Default)]
pub struct Decoder {
    partial: [u8; MAX_HEADER],
    have: u8,
    /// The last header was a control frame's.
    control: bool,
    payload_left: u64,
}

impl Decoder {
    /// A decoder at a frame boundary.
    pub const fn new() -> Self {
        Self::inside(0)
    }

    /// A decoder in the middle of a payload, of which `payload_left` bytes are still to come.
    pub const fn inside(payload_left: u64) -> Self {
        Self { partial: [0; MAX_HEADER], have: 0, control: false, payload_left }
    }

    /// Whether the next byte begins a frame.
    #[inline]
    pub const fn at_boundary(&self) -> bool {
        self.have == 0 && self.payload_left == 0
    }

    /// Whether the last header that it returned was a control frame's.
    #[inline]
    pub const fn in_control_frame(&self) -> bool {
        self.control
    }

    /// Bytes of the current payload that are still to come.
    pub const fn payload_left(&self) -> u64 {
        self.payload_left
    }

    /// Takes payload and then one header from the front of `bytes`. `None` when `bytes` is used up.
    #[inline]
    pub fn next(&mut self, bytes: &mut &[u8]) -> Option<FrameHeader> {
        self.skip_payload(bytes);
        if bytes.is_empty() {
            return None;
        }
        let header = match (self.have, FrameHeader::parse(bytes)) {
            (0, Some(header)) => {
                *bytes = &bytes[header.len()..];
                header
            }
            _ => self.assemble(bytes)?,
        };
        self.payload_left = header.payload_len();
        self.control = header.opcode().is_control();
        Some(header)
    }

    /// Takes what is left of the current payload, and returns it.
    #[inline]
    pub fn skip_payload<'a>(&mut self, bytes: &mut &'a [u8]) -> &'a [u8] {
        let skip = usize::try_from(self.payload_left).unwrap_or(usize::MAX).min(bytes.len());
        let (payload, rest) = bytes.split_at(skip);
        *bytes = rest;
        self.payload_left -= skip as u64;
        payload
    }

    #[cold]
    fn assemble(&mut self, bytes: &mut &[u8]) -> Option<FrameHeader> {
        while let Some((&byte, rest)) = bytes.split_first() {
            *bytes = rest;
            self.partial[usize::from(self.have)] = byte;
            self.have += 1;
            if let Some(header) = FrameHeader::parse(&self.partial[..usize::from(self.have)]) {
                self.have = 0;
                return Some(header);
            }
        }
        None
    }
}

/// Applies a masking key to a payload (RFC 6455, section 5.3). The same call masks and unmasks.
///
/// ```
/// use portcullis_core::frame::apply_mask;
///
/// let mut payload = *b"Hello";
/// apply_mask(&mut payload, [0x37, 0xfa, 0x21, 0x3d]);
/// assert_eq!(payload, [0x7f, 0x9f, 0x4d, 0x51, 0x58]); // the example of RFC 6455, section 5.7
/// apply_mask(&mut payload, [0x37, 0xfa, 0x21, 0x3d]);
/// assert_eq!(&payload, b"Hello");
/// ```
pub fn apply_mask(payload: &mut [u8], mask: [u8; 4]) {
    for (byte, key) in payload.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= key;
    }
}

/// Writes a frame of any kind and length, legal or not. `first` is its first byte: FIN, the reserved bits and the
/// opcode. The payload is masked with `mask`, as a client must, or sent as it is, as a server must (RFC 6455, section
/// 5.1).
///
/// ```
/// use portcullis_core::frame::{FrameHeader, Opcode, put_frame};
///
/// let mut out = Vec::new();
/// put_frame(&mut out, 0x81, b"hello", Some([1, 2, 3, 4]));
/// let header = FrameHeader::parse(&out).unwrap();
/// assert_eq!((header.opcode(), header.payload_len(), header.mask()), (Opcode::TEXT, 5, Some([1, 2, 3, 4])));
/// ```
pub fn put_frame(out: &mut Vec<u8>, first: u8, payload: &[u8], mask: Option<[u8; 4]>) {
    put_header(out, first, payload.len(), mask);
    let start = out.len();
    out.extend_from_slice(payload);
    if let Some(mask) = mask {
        apply_mask(&mut out[start..], mask);
    }
}

/// Writes a control frame as a server sends it, unmasked.
///
/// # Panics
///
/// If the payload is longer than 125 bytes.
#[cfg(feature = "guard")]
pub(crate) fn put_control(out: &mut Vec<u8>, opcode: Opcode, payload: &[u8]) {
    assert!(payload.len() <= MAX_CONTROL, "a control frame carries at most 125 bytes");
    put_frame(out, FIN | opcode.as_u8(), payload, None);
}

/// Writes a close frame as a server sends it, unmasked.
#[cfg(any(test, feature = "guard"))]
pub(crate) fn put_close(out: &mut Vec<u8>, frame: &CloseFrame) {
    put_header(out, FIN | Opcode::CLOSE.as_u8(), close_len(frame), None);
    put_close_payload(out, frame);
}

/// Writes a close frame as a client sends it, masked with a key of zeros.
#[cfg(feature = "guard")]
pub(crate) fn put_close_masked(out: &mut Vec<u8>, frame: &CloseFrame) {
    put_header(out, FIN | Opcode::CLOSE.as_u8(), close_len(frame), Some([0; 4]));
    put_close_payload(out, frame);
}

/// The last frame of its message.
#[cfg(any(test, feature = "guard"))]
const FIN: u8 = 0x80;

/// The shortest form that holds the length (RFC 6455, section 5.2).
fn put_header(out: &mut Vec<u8>, first: u8, len: usize, mask: Option<[u8; 4]>) {
    let masked = u8::from(mask.is_some()) << 7;
    out.push(first);
    match (u8::try_from(len), u16::try_from(len)) {
        (Ok(len @ 0..=125), _) => out.push(masked | len),
        (_, Ok(len)) => {
            out.push(masked | 0x7e);
            out.extend_from_slice(&len.to_be_bytes());
        }
        _ => {
            out.push(masked | 0x7f);
            out.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    out.extend(mask.into_iter().flatten());
}

#[cfg(any(test, feature = "guard"))]
fn close_len(frame: &CloseFrame) -> usize {
    frame.code().map_or(0, |_| 2 + frame.reason().len())
}

#[cfg(any(test, feature = "guard"))]
fn put_close_payload(out: &mut Vec<u8>, frame: &CloseFrame) {
    if let Some(code) = frame.code() {
        out.extend_from_slice(&code.as_u16().to_be_bytes());
        out.extend_from_slice(frame.reason().as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::close::CloseCode;

    fn headers(pieces: &[&[u8]]) -> (Vec<FrameHeader>, bool) {
        let mut decoder = Decoder::new();
        let mut found = Vec::new();
        for mut piece in pieces.iter().copied() {
            while let Some(header) = decoder.next(&mut piece) {
                found.push(header);
            }
            assert!(piece.is_empty());
        }
        (found, decoder.at_boundary())
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_headers(bytes in prop::collection::vec(any::<u8>(), 0..300), size in 1..20_usize) {
            let whole = headers(&[&bytes]);
            let split: Vec<&[u8]> = bytes.chunks(size).collect();
            prop_assert_eq!(whole, headers(&split));
        }
    }

    #[test]
    fn each_length_form_is_read() {
        for (bytes, payload, len) in [
            (&[0x82, 0x00][..], 0, 2),
            (&[0x82, 0x7d], 125, 2),
            (&[0x82, 0x7e, 1, 0], 256, 4),
            (&[0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0], 65_536, 10),
            (&[0x82, 0xff, 255, 255, 255, 255, 255, 255, 255, 255, 1, 2, 3, 4], u64::MAX, 14),
        ] {
            let header = FrameHeader::parse(bytes).unwrap();
            assert_eq!((header.payload_len(), header.len()), (payload, len), "{bytes:?}");
            for cut in 0..bytes.len() {
                assert_eq!(FrameHeader::parse(&bytes[..cut]), None, "{bytes:?} cut at {cut}");
            }
        }
    }

    #[test]
    fn each_length_is_written_in_its_shortest_form() {
        for (len, header) in [(0, 2), (125, 2), (126, 4), (65_535, 4), (65_536, 10)] {
            for mask in [None, Some([0x5a, 0, 0xff, 1])] {
                let payload = vec![7; len];
                let mut out = Vec::new();
                put_frame(&mut out, 0x02, &payload, mask);
                let parsed = FrameHeader::parse(&out).unwrap();
                assert_eq!(parsed.len(), header + mask.map_or(0, |_| 4), "{len}");
                assert_eq!((parsed.fin(), parsed.opcode(), parsed.mask()), (false, Opcode::BINARY, mask));
                assert_eq!(parsed.payload_len(), len as u64);
                let mut sent = out.split_off(parsed.len());
                apply_mask(&mut sent, mask.unwrap_or_default());
                assert_eq!(sent, payload, "{len}");
            }
        }
    }

    #[test]
    fn close_frames_are_written_and_read_back() {
        let frame = CloseFrame::new(CloseCode::POLICY_VIOLATION, "slow down");
        let mut out = Vec::new();
        put_close(&mut out, &frame);
        let header = FrameHeader::parse(&out).unwrap();
        assert_eq!(CloseFrame::parse(&out[header.len()..]).unwrap(), frame);
        assert_eq!(header.opcode(), Opcode::CLOSE);
    }
}
