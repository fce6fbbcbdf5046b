//! Connections by what they have in common, so that those of one value are found without a look at the others.
//!
//! One ordered set for each shard, and not a map from a value to a set: most values have one connection, for which a
//! set of its own would be larger than what it holds. Hashes are made with a secret of this index, so a client cannot
//! choose a subject or an address that is looked up together with many others.

use std::{
    collections::BTreeSet,
    hash::{BuildHasher, RandomState},
    net::IpAddr,
    sync::Mutex,
};

use crate::{id::ConnectionId, identity::Subject, shared::Name, sync::lock};

const SHARDS: usize = 16;

/// The ids of connections, ordered by a keyed hash. Two values may have the same hash, so the caller checks what is
/// found.
///
/// Its locks are taken with that of a registry's shard held or with none, and nothing else is locked under them.
#[derive(Default)]
pub(super) struct Index {
    secret: Secret,
    shards: [Mutex<BTreeSet<Place>>; SHARDS],
}

/// What connections are found by.
pub(super) trait Indexed {
    fn hash(&self, secret: &Secret) -> u64;
}

/// What hashes are made with.
pub(super) struct Secret {
    state: RandomState,
    factor: u128,
}

impl Default for Secret {
    fn default() -> Self {
        let state = RandomState::new();
        let [high, low] = [0, 1].map(|half: u8| u128::from(state.hash_one(half)));
        Self { state, factor: high << 64 | low | 1 }
    }
}

impl Indexed for Subject {
    fn hash(&self, secret: &Secret) -> u64 {
        secret.state.hash_one(self)
    }
}

impl Indexed for Name {
    fn hash(&self, secret: &Secret) -> u64 {
        secret.state.hash_one(self)
    }
}

/// An address is a number, and the leading bits of its product with an odd secret are a hash (Dietzfelbinger et al., "A
/// reliable randomized algorithm for the closest-pair problem", 1997): the chance that those of two addresses are the
/// same is as small as with a random one, or twice that. Addresses of both versions with the same number are told apart
/// where connections are looked at.
impl Indexed for IpAddr {
    fn hash(&self, secret: &Secret) -> u64 {
        let bits = match self {
            Self::V4(address) => address.to_bits().into(),
            Self::V6(address) => address.to_bits(),
        };
        u64::try_from(secret.factor.wrapping_mul(bits) >> 64).unwrap_or_default()
    }
}

/// The first half of a hash, and a connection. In few bytes: there is one for each connection, and few connections of
/// different values have that half in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    hash: u32,
    id: [u32; 2],
}

impl Place {
    fn new(hash: u64, id: ConnectionId) -> Self {
        let [a, b, c, d, ..] = hash.to_be_bytes();
        Self { hash: u32::from_be_bytes([a, b, c, d]), id: id.halves() }
    }
}

impl Index {
    pub(super) fn add(&self, value: &impl Indexed, id: ConnectionId) {
        let hash = value.hash(&self.secret);
        lock(self.shard(hash)).insert(Place::new(hash, id));
    }

    pub(super) fn remove(&self, value: &impl Indexed, id: ConnectionId) {
        let hash = value.hash(&self.secret);
        lock(self.shard(hash)).remove(&Place::new(hash, id));
    }

    pub(super) fn find(&self, value: &impl Indexed) -> Vec<ConnectionId> {
        let hash = value.hash(&self.secret);
        let (places, lowest) = (lock(self.shard(hash)), Place::new(hash, ConnectionId::LOWEST));
        let found = places.range(lowest..).take_while(|place| place.hash == lowest.hash);
        found.map(|place| ConnectionId::of_halves(place.id)).collect()
    }

    fn shard(&self, hash: u64) -> &Mutex<BTreeSet<Place>> {
        let [high, ..] = hash.to_be_bytes();
        &self.shards[usize::from(high) % SHARDS]
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Address = fn(u32) -> IpAddr;

    #[test]
    fn addresses_of_a_network_are_spread_and_told_apart() {
        let secret = Secret { state: RandomState::new(), factor: 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835 };
        let networks: [(&str, Address); 4] = [
            ("a /16 of IPv4", |number| IpAddr::V4((0xc0a8_0000 | number).into())),
            ("/16s of IPv4", |number| IpAddr::V4((number << 16).into())),
            ("a /112 of IPv6", |number| IpAddr::V6((0x2001_0db8 << 96 | u128::from(number)).into())),
            ("/48s of a /32 of IPv6", |number| IpAddr::V6((0x2001_0db8 << 96 | u128::from(number) << 80).into())),
        ];
        for (what, address) in networks {
            let places = (0..1 << 16).map(|number| Place::new(address(number).hash(&secret), ConnectionId::LOWEST));
            assert_eq!(places.collect::<BTreeSet<_>>().len(), 1 << 16, "{what}");
            let index = Index { secret: Secret { state: RandomState::new(), ..secret }, ..Index::default() };
            for number in 0..1024 {
                index.add(&address(number), ConnectionId::LOWEST);
            }
            let most = index.shards.iter().map(|shard| lock(shard).len()).max();
            assert!(most <= Some(1024 / 4), "{what}: {most:?}");
        }
    }
}
