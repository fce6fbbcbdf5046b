//! Names of people and of rooms.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

/// The longest name, in bytes.
pub(crate) const MAX_NAME: usize = 24;

/// Up to 24 ASCII letters, digits, `-` and `_`: nothing that needs escaping in a page, a log or a close reason, and no
/// two names that look alike.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Name(Arc<str>);

impl Name {
    /// The text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// The text is not a valid name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a name has 1 to {MAX_NAME} letters, digits, - or _")]
pub(crate) struct InvalidName;

impl TryFrom<String> for Name {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, InvalidName> {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let fits = (1..=MAX_NAME).contains(&text.len()) && text.bytes().all(legal);
        if fits { Ok(Self(text.into())) } else { Err(InvalidName) }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_contains_nothing_that_needs_escaping() {
        for (text, legal) in [
            ("alice", true),
            ("Bob_2-x", true),
            (&*"a".repeat(24), true),
            (&*"a".repeat(25), false),
            ("", false),
            ("<b>", false),
            ("a b", false),
            ("zoë", false),
            ("a\n", false),
        ] {
            assert_eq!(Name::try_from(text.to_owned()).is_ok(), legal, "{text:?}");
        }
    }
}
