//! The subjects and networks with the most connections.

use std::{cmp::Reverse, collections::HashMap, hash::Hash, net::IpAddr};

use portcullis_core::{ConnectionId, identity::ClientIp};

use super::row::Row;
use crate::mask::Shown;

/// How many of each are listed.
const MOST: usize = 10;
/// The bits of an IPv6 address that identify a client, the default of connection limits.
const PREFIX: u8 = 64;

/// A subject or network: how many connections it has, and the id of the oldest.
#[derive(Debug, Clone)]
pub(crate) struct Holder<K> {
    pub(crate) key: K,
    pub(crate) count: usize,
    pub(crate) one: ConnectionId,
}

/// The largest holders of connections, by subject and by network.
#[derive(Debug)]
pub(crate) struct Holders {
    pub(crate) subjects: Vec<Holder<Shown>>,
    pub(crate) clients: Vec<Holder<IpAddr>>,
}

pub(super) fn holders(rows: &[Row]) -> Holders {
    let subjects = rows.iter().filter_map(|row| Some((row.subject.as_ref()?, row.id)));
    let clients = rows.iter().filter_map(|row| Some((ClientIp(row.client?).network(PREFIX), row.id)));
    let subjects = most(subjects).into_iter();
    let owned = |Holder { key, count, one }: Holder<&Shown>| Holder { key: key.clone(), count, one };
    Holders { subjects: subjects.map(owned).collect(), clients: most(clients) }
}

/// Ties are broken by age: the order of masked names or addresses would reveal something about them.
fn most<K: Eq + Hash>(rows: impl Iterator<Item = (K, ConnectionId)>) -> Vec<Holder<K>> {
    let mut counts: HashMap<K, (usize, ConnectionId)> = HashMap::new();
    for (key, id) in rows {
        counts.entry(key).or_insert((0, id)).0 += 1;
    }
    let mut all: Vec<_> = counts.into_iter().map(|(key, (count, one))| Holder { key, count, one }).collect();
    let place = |holder: &Holder<K>| (Reverse(holder.count), holder.one);
    if all.len() > MOST {
        all.select_nth_unstable_by_key(MOST, place);
        all.truncate(MOST);
    }
    all.sort_unstable_by_key(place);
    all
}
