//! Reads all revocations, and puts back those that the store has lost.

use std::{collections::HashMap, sync::Arc};

use portcullis_core::shared::{Issued, Name, Revocation, RevocationCopy};
use redis::RedisResult;

use super::message::life;
use crate::{
    link::Link,
    node::{NoAnswer, Node},
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
                None => unreadable += 1,
            }
        }
        if unreadable > 0 {
            node.note(|events| events.unreadable += unreadable);
        }
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

fn has(known: &HashMap<Name, Issued>, revocation: &Revocation) -> bool {
    known.get(&revocation.name).is_some_and(|issued| *issued >= revocation.issued)
}

async fn read(node: &Node, connection: &mut Link, rank: u64) -> RedisResult<(u64, Vec<(String, String, u64)>)> {
    let keys = &node.settings.keys;
    let call = Call::new(&script::SNAPSHOT).key(&keys.revoked()).key(&keys.issued()).arg(rank).arg(rank + CHUNK - 1);
    call.run(connection).await
}

fn parse(name: &str, issued: &str, millis: u64) -> Option<Revocation> {
    let issued = if issued.is_empty() { Issued::ALL } else { Issued::from_u64(issued.parse().ok()?) };
    Some(Revocation::new(name.parse().ok()?, issued, life(millis)))
}
