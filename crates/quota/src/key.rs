//! Keys of clients, subjects and others, hashed with a secret so that no client can choose a colliding one.

use std::{
    fmt,
    hash::{BuildHasher, Hash, Hasher, RandomState},
    net::IpAddr,
};

/// A key, as a hash with a secret of this process, so that no client can find two keys that collide.
///
/// Each key belongs to two groups, the second wider than the first. The keys of a group share a state where a
/// [`Table`](crate::Table) has no room for their own.
///
/// ```
/// use portcullis_quota::Secret;
///
/// let secret = Secret::default();
/// assert_eq!(secret.key(&("subject", "alice")), secret.key(&("subject", "alice")));
/// assert_ne!(secret.key(&("subject", "alice")), secret.key(&("room", "alice")));
/// assert_ne!(secret.key(&("subject", "alice")), Secret::default().key(&("subject", "alice")), "another process");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    own: Name,
    /// What its groups are told by, which few keys are asked for. The highest bits say what it is.
    place: u64,
}

/// A place is the leading bits of an IPv4 or IPv6 address, and otherwise a part of a hash.
const V4: u64 = 1 << 62;
const V6: u64 = 2 << 62;

/// How many groups a key belongs to.
pub(crate) const GROUPS: usize = 2;

/// What an entry of a table is found by: a key's own hash, or that of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Name(pub(crate) [u64; 2]);

impl Key {
    /// The key of a state that all share.
    pub const ONE: Self = Self { own: Name([0, 0]), place: 0 };

    /// A key that is not an address. Nothing says which of these belong together: the bits of its hash do, twelve, then
    /// six.
    pub(crate) fn new(own: [u64; 2]) -> Self {
        let [_, bits] = own;
        let [.., low, high] = bits.to_le_bytes();
        Self { own: Name(own), place: u64::from(high) << 4 | u64::from(low >> 4) }
    }

    pub(crate) fn own(self) -> Name {
        self.own
    }

    /// The group of a level. Its hash is short: where two groups have the same, they share one more state. That of a
    /// network is made with a secret, so that no client can choose one.
    pub(crate) fn group(self, level: usize, secret: &impl BuildHasher) -> Name {
        let hash = |network: u64| {
            let [a, b, c, d, ..] = secret.hash_one((level, network)).to_le_bytes();
            u32::from_le_bytes([a, b, c, d])
        };
        let group = match self.place & (V4 | V6) {
            V4 => hash(V4 | (self.place ^ V4) >> [0, 8][level]),
            V6 => hash(V6 | (self.place ^ V6) >> [0, 16][level]),
            _ => u32::try_from(self.place >> [0, 6][level]).unwrap_or_default(),
        };
        let group = (level as u64 + 1) << 32 | u64::from(group);
        // A table takes both ends of the first for the hash of a map, and the last of the second for a shard.
        Name([group.wrapping_mul(0x9e37_79b9_7f4a_7c15), group])
    }
}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // It is a hash already, and half of it is enough to find it by.
        state.write_u64(self.0[0]);
    }
}

/// Creates keys. Only keys of the same secret can be compared.
#[derive(Clone, Default)]
pub struct Secret(RandomState);

impl Secret {
    /// Returns the key of a value. Hash a word with each value that says what it is, because a subject and a room may
    /// have the same name.
    pub fn key(&self, value: &impl Hash) -> Key {
        Key::new(self.hashes(value))
    }

    /// Returns the key of a client address. Its groups are its /48 and its /32, or the /24 and the /16 of an IPv4
    /// address: a client that owns many addresses owns them in few of these networks.
    pub fn address(&self, address: IpAddr) -> Key {
        let (bits, place) = match address {
            IpAddr::V4(address) => (address.to_ipv6_mapped().to_bits(), V4 | u64::from(address.to_bits() >> 8)),
            IpAddr::V6(address) => (address.to_bits(), V6 | high(address.to_bits()) >> 16),
        };
        // One hash tells addresses apart as well as two, as it stands beside what it was made of: 64 of its bits, which
        // for the network of a client are all there are.
        let hash = self.0.hash_one(bits);
        Key { own: Name([hash, hash.rotate_left(32) ^ low(bits) ^ high(bits)]), place }
    }

    fn hashes(&self, value: &impl Hash) -> [u64; 2] {
        let mut hasher = self.0.build_hasher();
        value.hash(&mut hasher);
        let first = hasher.finish();
        // The hash of another message, which costs one pass over the value less than a second secret does.
        hasher.write_u8(1);
        [first, hasher.finish()]
    }
}

fn high(bits: u128) -> u64 {
    low(bits >> 64)
}

fn low(bits: u128) -> u64 {
    u64::try_from(bits & u128::from(u64::MAX)).unwrap_or_default()
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_network_belong_to_one_group() {
        let (secret, networks) = (Secret::default(), RandomState::new());
        for (one, other, same) in [
            ("192.0.2.1", "192.0.2.1", [true; 2]),
            ("192.0.2.1", "192.0.2.2", [true; 2]),
            ("192.0.2.1", "192.0.3.1", [false, true]),
            ("192.0.2.1", "192.1.2.1", [false; 2]),
            ("2001:db8::", "2001:db8:0:1::", [true; 2]),
            ("2001:db8::", "2001:db8:1::", [false, true]),
            ("2001:db8::", "2001:db9::", [false; 2]),
            ("::", "0.0.0.0", [false; 2]),
        ] {
            let [first, second] = [one, other].map(|address| secret.address(address.parse().unwrap()));
            let groups = [0, 1].map(|level| first.group(level, &networks) == second.group(level, &networks));
            assert_eq!((groups, first == second), (same, one == other), "{one} {other}");
        }
    }

    #[test]
    fn other_keys_belong_to_few_groups() {
        let (secret, networks) = (Secret::default(), RandomState::new());
        for (level, max) in [(0, 4096), (1, 64)] {
            let group = |number: u32| secret.key(&number).group(level, &networks).0;
            let mut groups: Vec<_> = (0..100_000).map(group).collect();
            groups.sort_unstable();
            groups.dedup();
            assert_eq!(groups.len(), max);
        }
    }
}
