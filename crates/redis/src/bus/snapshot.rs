//! Reads all revocations, and puts back those that the store has lost.
//!
//! The set is read in parts, so that no other request waits for a server that is busy with a hundred thousand entries.
//! It changes meanwhile, and no part may be missed because of that: parts are counted from the entry that is remembered
//! longest. What expires is at the other end and moves nothing that is not read; what is added, or is remembered longer
//! from now on, may move, and is in the stream as well, behind the cursor.
//!
//! Both directions are in one pass. What the set has is applied to each copy, and what a copy has and the set has not
//! was lost by the store, so it is sent again. Which of the two has lost something is not asked: revocations only add
//! up, and to know one too many is no harm.

use std::{collections::HashMap, sync::Arc};

use portcullis_core::shared::{Issued, Name, Revocation, RevocationCopy};
use redis::RedisResult;

use super::message::life;
use crate::{
    link::Link,
    node::{NoAnswer, Node},
    reading::text,
    script::{self, Call},
};

/// Revocations that are read at once.
const CHUNK: u64 = 1000;

/// Reads the set into the copies. What a copy has and the set has not, the store has lost, so it is sent again.
pub(super) async fn take(
    node: &Node,
    connection: &mut Link,
    copies: &[Arc<dyn RevocationCopy>],
) -> Result<(), NoAnswer> {
    let mut known = HashMap::new();
    let mut rank = 0;
    loop {
        // From the one that is remembered longest on: what expires meanwhile moves none of those that are not read yet.
        // One that is added does, and is read twice.
        let asked = node.wait_for(node.settings.patience(), read(node, connection, rank));
        let (found, entries) = asked.await?;
        let mut unreadable = 0;
        for (name, issued, millis) in &entries {
            match parse(name, issued, *millis) {
                Some(revocation) => {
                    for copy in copies {
                        copy.apply(revocation, None);
                    }
                    known.insert(revocation.name, revocation.issued);
                }
                // Another program has written it. If this stopped here, one bad entry would keep every copy incomplete.
                None => unreadable += 1,
            }
        }
        if unreadable > 0 {
            node.note(|events| events.unreadable += unreadable);
        }
        // By how many there were, with those that are forgotten, and not by how many of them could be read.
        rank += found;
        if found < CHUNK {
            break;
        }
    }
    for copy in copies {
        let lost = |revocation: &Revocation| !has(&known, revocation);
        node.outbox.keep(copy.all().into_iter().filter(lost));
    }
    Ok(())
}

/// Whether the set revokes as much.
fn has(known: &HashMap<Name, Issued>, revocation: &Revocation) -> bool {
    known.get(&revocation.name).is_some_and(|issued| *issued >= revocation.issued)
}

async fn read(node: &Node, connection: &mut Link, rank: u64) -> RedisResult<(u64, Vec<(Vec<u8>, Vec<u8>, u64)>)> {
    let keys = &node.settings.keys;
    let call = Call::new(&script::SNAPSHOT).key(&keys.revoked()).key(&keys.issued()).arg(rank).arg(rank + CHUNK - 1);
    call.run(connection).await
}

fn parse(name: &[u8], issued: &[u8], millis: u64) -> Option<Revocation> {
    let (name, issued) = (text(name)?, text(issued)?);
    let issued = if issued.is_empty() { Issued::ALL } else { Issued::from_u64(issued.parse().ok()?) };
    Some(Revocation::new(name.parse().ok()?, issued, life(millis)))
}
