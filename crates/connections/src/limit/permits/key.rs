//! What connections are counted by.
//!
//! Trees hold names and not keys: a custom key may be as long as a request allows, and comparing two of the same
//! beginning costs time that the client chooses. Two keys with the same name would share a limit. With a hash of 128
//! bits, and a secret, that is not to be expected, and cannot be brought about.

use std::{
    cmp::Ordering,
    fmt,
    hash::{BuildHasher, Hash, Hasher, RandomState},
    net::IpAddr,
};

use portcullis_core::identity::Subject;
use smallvec::SmallVec;

use crate::limit::Limit;

/// The keys that a connection counts against, with their limits. Most often one, which is stored inline.
pub(crate) type Keys = SmallVec<[(Key, Limit); 1]>;

/// Whose connections are counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    Client(IpAddr),
    Subject(Subject),
    /// Of all clients without a subject at an address, where others count by subject.
    Anonymous(IpAddr),
    Custom(Box<[u8]>),
    /// Of all connections whose subject is not known.
    Unauthenticated,
}

/// Which limit is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Full {
    Server,
    Of(Key),
    /// The part that this node has of a limit, while it cannot ask the others.
    Part,
}

/// A key as a hash of 128 bits with a secret: as good as the key, of one size, and compared in one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Name([u64; 2]);

/// Makes names. Those of one secret can be compared.
#[derive(Clone, Default)]
pub(super) struct Secret(RandomState);

impl Secret {
    pub(super) fn name(&self, key: &Key) -> Name {
        match key {
            Key::Client(address) => self.address(*address),
            other => self.hashes(other),
        }
    }

    /// One hash tells addresses apart as well as two, as it stands beside what it was made of: 64 of its bits, which
    /// for the network of a client are all there are.
    fn address(&self, address: IpAddr) -> Name {
        let bits = match address {
            IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
            IpAddr::V6(address) => address.to_bits(),
        };
        let hash = self.0.hash_one(bits);
        let [low, high] = [bits, bits >> 64].map(|half| u64::try_from(half & u128::from(u64::MAX)).unwrap_or_default());
        Name([hash, hash.rotate_left(32) ^ low ^ high])
    }

    fn hashes(&self, key: &Key) -> Name {
        let mut hasher = self.0.build_hasher();
        key.hash(&mut hasher);
        let first = hasher.finish();
        // The hash of another message, which costs one pass over the key less than a second secret does.
        hasher.write_u8(1);
        Name([first, hasher.finish()])
    }
}

impl Name {
    #[cfg(test)]
    pub(super) fn of(number: u64) -> Self {
        Self([number, 0])
    }

    /// One of `shards` shards.
    pub(super) fn shard(self, shards: usize) -> usize {
        // From the second word. The trees are ordered by the first, so that the keys of one shard are still spread over
        // all of it.
        let [_, place] = self.0;
        usize::from(place.to_le_bytes()[0]) % shards
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Self) -> Ordering {
        #[cfg(test)]
        super::visits::count();
        self.0.cmp(&other.0)
    }
}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}
