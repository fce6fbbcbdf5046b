//! Close reasons, which fit into a control frame whatever text they are made from.
//!
//! A control frame carries at most 125 bytes (RFC 6455, section 5.5), and two of them are the code. Cutting a reason
//! here, and not where it is sent, means that a long text from an application or an error can neither break the close
//! nor panic, and that a character is never cut in half: a peer answers a reason that is not UTF-8 with 1007 (section
//! 8.1).

use std::{borrow::Cow, fmt};

/// The reason of a close, at most 123 bytes of UTF-8. A longer text is cut at a character boundary.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct CloseReason(Cow<'static, str>);

impl CloseReason {
    /// The maximum length in bytes: 125 of a control frame minus 2 of the code.
    pub const MAX_BYTES: usize = 123;

    /// Creates a reason, cut to 123 bytes.
    ///
    /// ```
    /// use portcullis_core::CloseReason;
    ///
    /// assert_eq!(CloseReason::new("bye").as_str(), "bye");
    /// // Two bytes each: the 62nd would end at byte 124.
    /// assert_eq!(CloseReason::new("é".repeat(100)).as_str(), "é".repeat(61));
    /// ```
    pub fn new(text: impl Into<Cow<'static, str>>) -> Self {
        let text = text.into();
        let end = text.floor_char_boundary_at(Self::MAX_BYTES);
        Self(match text {
            Cow::Borrowed(text) => Cow::Borrowed(&text[..end]),
            Cow::Owned(mut text) => {
                text.truncate(end);
                Cow::Owned(text)
            }
        })
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

trait FloorBoundary {
    fn floor_char_boundary_at(&self, at: usize) -> usize;
}

// `str::floor_char_boundary` is younger than the Rust this crate asks for.
impl FloorBoundary for str {
    fn floor_char_boundary_at(&self, at: usize) -> usize {
        if at >= self.len() {
            return self.len();
        }
        (0..=at).rev().find(|&at| self.is_char_boundary(at)).unwrap_or(0)
    }
}

impl<T: Into<Cow<'static, str>>> From<T> for CloseReason {
    fn from(text: T) -> Self {
        Self::new(text)
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_reason_is_cut_on_a_character() {
        let reason = CloseReason::new("é".repeat(100));
        assert_eq!(reason.as_str().len(), 122);
        assert_eq!(CloseReason::new("a".repeat(200)).as_str().len(), CloseReason::MAX_BYTES);
        assert_eq!(CloseReason::new("short").as_str(), "short");
    }
}
