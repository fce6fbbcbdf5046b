//! Runs: text and binary messages of one frame and of less than 64 KiB, all of them whole. Most reads and writes are
//! nothing else.
//!
//! The first two bytes of a header tell whether it begins such a message, and for those of 126 bytes and more the two
//! that follow tell its length. Between two messages such a header breaks no framing rule, so there is nothing to
//! check. [`Form::run`] is the loop that every message of a batch goes through, once in each direction: what it does
//! costs as much as all else that the guard does for a short message.

/// The longest payload whose length is in the second byte of the header (RFC 6455, section 5.2).
const LONGEST: u32 = 125;

/// Stands there for a length in the two bytes behind it.
const TWO_MORE: u32 = 126;

/// What the headers of text and binary messages differ in, as their first two bytes are numbers.
const TEXT_OR_BINARY: u32 = 0x0100;

/// How messages look that come from one of the sides.
#[derive(Debug, Clone, Copy)]
pub(super) struct Form {
    /// The first two bytes of the header of an empty text, as a number.
    empty_text: u32,
    /// The length of the header, without the two bytes of a length above 125.
    header: usize,
}

/// Messages in a row, all of them whole.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) messages: usize,
    /// How many of them have two more bytes in their header.
    pub(super) longer: usize,
    /// The length of the longest payload.
    pub(super) longest: usize,
    /// The length of all of them.
    pub(super) bytes: usize,
}

impl Run {
    /// Whether there is nothing else in the data that it begins.
    #[inline]
    pub(super) fn is_all_of(&self, data: &[u8]) -> bool {
        !data.is_empty() && self.bytes == data.len()
    }

    /// The length of all payloads.
    #[inline]
    pub(super) fn payload(&self, form: Form) -> usize {
        self.bytes - form.header * self.messages - 2 * self.longer
    }
}

impl Form {
    /// What a client sends, with a mask.
    pub(super) const MASKED: Self = Self { empty_text: 0x8180, header: 6 };

    /// What a server sends.
    pub(super) const UNMASKED: Self = Self { empty_text: 0x8100, header: 2 };

    /// The messages that the data begins with, as far as they are whole.
    #[inline]
    pub(super) fn run(self, data: &[u8]) -> Run {
        let (mut run, mut short) = (Run::default(), 0);
        let Some(last) = data.len().checked_sub(1) else { return run };
        // One comparison for both bytes of the header, and none for a short payload: if that is cut short, `run` ends
        // behind the data.
        while run.bytes < last {
            // The message in front of this header, which is whole.
            run.longest = run.longest.max(short);
            if let Some(len) = self.short([data[run.bytes], data[run.bytes + 1]]) {
                short = len;
                run.bytes += self.header + len;
            } else if let Some(len) = self.longer(&data[run.bytes..]) {
                run.longest = run.longest.max(len);
                run.longer += 1;
                run.bytes += self.header + 2 + len;
            } else {
                return run;
            }
            run.messages += 1;
        }
        if run.bytes <= data.len() {
            run.longest = run.longest.max(short);
        } else {
            run.bytes -= self.header + short;
            run.messages -= 1;
        }
        run
    }

    /// The length of the payload, if these two bytes begin a message of less than 126 bytes.
    #[inline]
    pub(super) fn short(self, header: [u8; 2]) -> Option<usize> {
        let len = self.second(header);
        (len <= LONGEST).then_some(len as usize)
    }

    /// The length of the payload, if the data begins with a whole message whose length is in two bytes more.
    #[inline(never)]
    pub(super) fn longer(self, data: &[u8]) -> Option<usize> {
        let [first, second, high, low] = *data.first_chunk()?;
        let len = usize::from(u16::from_be_bytes([high, low]));
        (self.second([first, second]) == TWO_MORE && self.header + 2 + len <= data.len()).then_some(len)
    }

    /// What the second byte of a text's or a binary message's header says of its length. Of any other header it is a
    /// larger number.
    #[inline]
    fn second(self, header: [u8; 2]) -> u32 {
        // As numbers of two bytes, headers of texts follow that of an empty one in the order of their length, and those
        // of binary messages follow at a distance. Any other header is further away, those in front of it too.
        let behind = u32::from(u16::from_be_bytes(header)).wrapping_sub(self.empty_text) & u32::from(u16::MAX);
        behind & !TEXT_OR_BINARY
    }
}
