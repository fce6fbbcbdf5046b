//! What keys are called on every node.

use std::fmt;

/// What a key is called on every node: a keyed hash, so that no user's name and no address stands in the store.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name([u8; 16]);

impl Name {
    /// A name by its bytes: a hash with a secret that all nodes have.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// In hexadecimal digits.
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

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
    }
}
