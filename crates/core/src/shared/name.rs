//! The names that keys have on every node.
//!
//! The hash is computed by the store, with a secret that all nodes are given. The kind of a key is a part of what is
//! hashed, so that a subject `1` and an address that is encoded as `1` have different names.

use std::{error::Error, fmt, str::FromStr};

/// The name of a key on every node: a keyed hash, so that the store contains neither subjects nor addresses.
///
/// ```
/// use portcullis_core::shared::Name;
///
/// let name = Name::from_bytes([0xab; 16]);
/// assert_eq!(name.to_string(), "ab".repeat(16));
/// assert_eq!(name.to_string().parse(), Ok(name));
/// assert_eq!("alice".parse::<Name>().unwrap_err().to_string(), "not 32 hexadecimal digits");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name([u8; 16]);

impl Name {
    /// Creates a name from its bytes, a hash with a secret that all nodes share.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Returns the bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// Prints 32 hexadecimal digits.
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Parses the 32 hexadecimal digits that [`Display`](fmt::Display) prints.
impl FromStr for Name {
    type Err = NotHexadecimal;

    fn from_str(digits: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; 16];
        if digits.len() != 2 * bytes.len() || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(NotHexadecimal(()));
        }
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).map_err(|_| NotHexadecimal(()))?;
        }
        Ok(Self(bytes))
    }
}

/// The error for a text that does not consist of the 32 hexadecimal digits of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotHexadecimal(());

impl fmt::Display for NotHexadecimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not 32 hexadecimal digits")
    }
}

impl Error for NotHexadecimal {}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_printed_as_hexadecimal_digits() {
        let name = Name::from_bytes(std::array::from_fn(|at| u8::try_from(at * 16).unwrap()));
        assert_eq!(name.to_string(), "00102030405060708090a0b0c0d0e0f0");
        assert_eq!(name.to_string().parse(), Ok(name));
    }
}
