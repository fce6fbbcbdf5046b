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
#[derive(Clone)]
pub(super) struct Secret {
    state: RandomState,
    /// Odd, so that no two numbers have the same product.
    factor: u128,
}

impl Default for Secret {
    fn default() -> Self {
        let state = RandomState::new();
        let [high, low] = [0, 1].map(|half: u8| u128::from(state.hash_one(half)));
        Self { state, factor: high << 64 | low | 1 }
    }
}

impl Secret {
    pub(super) fn name(&self, key: &Key) -> Name {
        match key {
            Key::Client(address) => self.address(*address),
            other => self.hashes(other),
        }
    }

    /// An address is no longer than a name. Multiplied by an odd secret, two addresses stay as different as they were,
    /// and no client can tell which of them share a shard.
    fn address(&self, address: IpAddr) -> Name {
        let bits = match address {
            IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
            IpAddr::V6(address) => address.to_bits(),
        };
        let name = self.factor.wrapping_mul(bits);
        Name([name, name >> 64].map(|half| u64::try_from(half & u128::from(u64::MAX)).unwrap_or_default()))
    }

    fn hashes(&self, key: &Key) -> Name {
        let mut hasher = self.state.build_hasher();
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
        // all of it. And from its leading byte, which in a product depends on all that was multiplied.
        let [_, place] = self.0;
        usize::from(place.to_be_bytes()[0]) % shards
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{super::pool::SHARDS, *};

    type Address = fn(u32) -> IpAddr;

    #[test]
    fn addresses_of_a_network_are_spread_over_the_shards_and_have_names_of_their_own() {
        let secret = Secret { state: RandomState::new(), factor: 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835 };
        let networks: [(&str, Address); 4] = [
            ("a /22 of IPv4", |number| IpAddr::V4((0xc0a8_0000 | number).into())),
            ("/10s of IPv4", |number| IpAddr::V4((number << 22).into())),
            ("a /118 of IPv6", |number| IpAddr::V6((0x2001_0db8 << 96 | u128::from(number)).into())),
            ("/64s of a /54 of IPv6", |number| IpAddr::V6((0x2001_0db8 << 96 | u128::from(number) << 64).into())),
        ];
        for (what, address) in networks {
            let (mut names, mut shards) = (BTreeMap::new(), [0; SHARDS]);
            for number in 0..1024 {
                let name = secret.name(&Key::Client(address(number)));
                shards[name.shard(SHARDS)] += 1;
                assert_eq!(names.insert(name, number), None, "{what}");
                assert_ne!(name, secret.name(&Key::Anonymous(address(number))), "{what}");
            }
            assert!(shards.iter().all(|keys| *keys <= 1024 / 8), "{what}: {shards:?}");
        }
    }
}
