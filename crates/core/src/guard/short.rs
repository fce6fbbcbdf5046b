//! Short messages: a text or binary message of one frame and of less than 126 bytes. Most frames are of this kind.
//!
//! The first two bytes of a header tell whether it begins one. Between two messages such a header breaks no framing
//! rule, so there is nothing to check. [`Form::whole`] is the loop that every message of a batch goes through, once in
//! each direction: what it does costs as much as all else that the guard does for such a message.

/// The longest payload whose length is in the second byte of the header (RFC 6455, section 5.2).
const LONGEST: u32 = 125;

/// What the headers of text and binary messages differ in, as their first two bytes are numbers.
const TEXT_OR_BINARY: u32 = 0x0100;

/// How short messages look that come from one of the sides.
#[derive(Debug, Clone, Copy)]
pub(super) struct Form {
    /// The first two bytes of the header of an empty text, as a number.
    empty_text: u32,
    /// The length of the header.
    pub(super) header: usize,
}

/// Whole short messages, and nothing else.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Whole {
    pub(super) messages: usize,
    /// The length of the longest payload.
    pub(super) longest: usize,
}

impl Form {
    /// What a client sends: two bytes and a mask.
    pub(super) const MASKED: Self = Self { empty_text: 0x8180, header: 6 };

    /// What a server sends.
    pub(super) const UNMASKED: Self = Self { empty_text: 0x8100, header: 2 };

    /// The length of the payload, if these two bytes begin a short message.
    #[inline]
    pub(super) fn payload_len(self, header: [u8; 2]) -> Option<usize> {
        // As numbers of two bytes, headers of texts follow that of an empty one in the order of their length, and those
        // of binary messages follow at a distance. Any other header is further away, those in front of it too.
        let behind = u32::from(u16::from_be_bytes(header)).wrapping_sub(self.empty_text) & u32::from(u16::MAX);
        let len = behind & !TEXT_OR_BINARY;
        (len <= LONGEST).then_some(len as usize)
    }

    /// What these bytes are, if they are whole short messages.
    #[inline]
    pub(super) fn whole(self, data: &[u8]) -> Option<Whole> {
        let last = data.len().checked_sub(1)?;
        let (mut at, mut whole) = (0, Whole::default());
        // One comparison for both bytes of the header, and none for the payload: if that is cut short, `at` ends behind
        // the data.
        while at < last {
            let len = self.payload_len([data[at], data[at + 1]])?;
            at += self.header + len;
            whole.messages += 1;
            whole.longest = whole.longest.max(len);
        }
        (at == data.len()).then_some(whole)
    }
}
