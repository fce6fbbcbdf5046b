//! What keys are hashed to.

use std::{
    fmt,
    hash::{BuildHasher, Hash, Hasher, RandomState},
};

/// A key, as a hash with a secret of the process's own: nobody can make up two that collide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key(pub(crate) [u64; 2]);

impl Key {
    /// The key of what has one state for everybody.
    pub const ONE: Self = Self([0, 0]);
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // It is a hash already, and half of it is enough to find it by.
        state.write_u64(self.0[0]);
    }
}

/// Makes keys. Those of one secret can be compared.
#[derive(Clone, Default)]
pub struct Secret([RandomState; 2]);

impl Secret {
    /// The key of a value. Values of different meanings should not look alike: hash a word with them.
    pub fn key(&self, value: &impl Hash) -> Key {
        Key([self.0[0].hash_one(value), self.0[1].hash_one(value)])
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}
