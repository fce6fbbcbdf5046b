//! What the benchmarks of the workspace measure without a handshake around it. Not a part of the API.

use std::{
    net::{IpAddr, Ipv6Addr},
    sync::Arc,
};

use crate::limit::{Key, Limit, Permit, Pool};

/// A pool of permits whose keys and connections are numbers.
#[derive(Debug)]
pub struct Permits(Arc<Pool<u64>>);

/// One permit of a pool. Freed when it is dropped.
#[derive(Debug)]
pub struct Taken(Permit<u64>);

impl Permits {
    /// A pool without permits, and without a limit of its own.
    #[expect(clippy::new_without_default, reason = "benchmarks ask for one by name")]
    pub fn new() -> Self {
        Self(Arc::new(Pool::new(None)))
    }

    /// Takes a permit of a key.
    pub fn take(&self, key: u64, limit: Limit) -> Option<Taken> {
        let key = Key::Client(IpAddr::V6(Ipv6Addr::from_bits(key.into())));
        self.0.take(vec![(key, limit)]).ok().map(|(permit, _)| Taken(permit))
    }
}

impl Taken {
    /// The connection begins. Returns how many make room for it.
    pub fn settle(&self, connection: u64) -> usize {
        self.0.settle(&connection).closing.len()
    }
}
