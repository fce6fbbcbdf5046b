//! Pools that are too large for a list of their permits: a limit on the whole service.
//!
//! A set with a member for each of a million connections would be one key on one server, and each handshake would write
//! to it. Of a pool, the store has only how many places each node was allotted.
//!
//! # Allotments
//!
//! A node has an allotment of a pool, of which it uses some places. The allotment grows by a block when it is used up,
//! and shrinks when more than a block is spare. A block is a sixteenth of the node's share: of a small pool, nothing is
//! spare, and each place is asked for.
//!
//! The price is that what one node has spare is refused on another: a block for each node, and a sixteenth of the limit
//! in all. The gain is that a node asks once for each block, and not in each handshake.
//!
//! # What may go wrong
//!
//! A number has no members that could be compared, so an answer that is lost leaves a *doubt*: the store may have
//! granted a block of which the node knows nothing, or taken back one that the node still counts. As long as there is a
//! doubt, each beat says how many places the node has, instead of by how many that changed. Twice, for the same reason
//! as permits are [released twice](crate::permits).
//!
//! Requests for one pool are sent one after the other. If a statement and a request for a block crossed, the statement
//! would undo the block.

use std::{
    fmt,
    sync::{Arc, Mutex},
};

use portcullis_core::shared::{Deadline, Name, PermitRequest};
use tokio::time::{Instant, timeout_at};

use crate::{
    lock::lock,
    node::{NoAnswer, Node, Session},
    permits::LIFE,
    reading::Readable,
    script::{self, Call},
};

/// How many blocks a node's share has.
const BLOCKS: usize = 16;

/// A node's allotment of one pool.
pub(crate) struct Pool {
    name: Name,
    max: usize,
    state: Mutex<Allotment>,
    /// Held while the store is asked: what it is told must not cross what it grants.
    asking: tokio::sync::Mutex<()>,
}

/// How many places a node has of a pool, and how many of them it uses.
#[derive(Debug, Default)]
struct Allotment {
    /// By the store, or kept while it was away. Never fewer than are used.
    granted: usize,
    /// By live connections.
    used: usize,
    /// After how many beats the store is told how many are granted, because a question had no answer.
    doubt: u8,
}

/// A place of a pool. Given back when it is dropped.
pub(crate) struct Place {
    node: Arc<Node>,
    pool: Arc<Pool>,
}

/// Takes a place. `None` if there is none.
pub(crate) async fn take(
    node: &Arc<Node>,
    session: &Session,
    wanted: &PermitRequest,
    by: Deadline,
) -> Result<Option<Place>, NoAnswer> {
    let pool = pool(node, wanted);
    let place = || Place { node: node.clone(), pool: pool.clone() };
    if lock(&pool.state).take() {
        return Ok(Some(place()));
    }
    // Each handshake waits for its own deadline and not for that of the one that asks.
    let asking = timeout_at(Instant::from_std(by.at()), pool.asking.lock()).await.map_err(|_| NoAnswer)?;
    // The one that asked before may have been granted a whole block.
    if !lock(&pool.state).take() {
        pool.grow(node, session, by).await?;
        if !lock(&pool.state).take() {
            return Ok(None);
        }
    }
    drop(asking);
    Ok(Some(place()))
}

/// A place that was taken without asking the store.
pub(crate) fn keep(node: &Arc<Node>, wanted: &PermitRequest) -> Place {
    let pool = pool(node, wanted);
    lock(&pool.state).keep();
    Place { node: node.clone(), pool }
}

/// The store has to be told of all allotments.
pub(crate) fn untell_all(node: &Node) {
    for pool in lock(&node.pools).values() {
        let mut state = lock(&pool.state);
        state.doubt = state.doubt.max(1);
    }
}

/// Says the allotments that the store may have got wrong.
pub(crate) async fn say_untold(node: &Node, session: &Session) -> Result<(), NoAnswer> {
    for pool in pools(node) {
        if lock(&pool.state).doubt > 0 {
            // The number is read when nothing is being asked for any longer.
            let _asking = pool.asking.lock().await;
            let granted = lock(&pool.state).granted;
            let call = pool.call(node, session, format!("={granted}"), &[]);
            let _: (i64, Readable<u64>) =
                node.tell(session, async |mut connection| call.run(&mut connection).await).await?;
            let mut state = lock(&pool.state);
            state.doubt = state.doubt.saturating_sub(1);
        }
    }
    Ok(())
}

/// Gives back what is spare. Of a node that drains, that is all that is not used.
pub(crate) async fn give_back(node: &Node, session: &Session) -> Result<(), NoAnswer> {
    for pool in pools(node) {
        // One that is being asked for is not spare, and this must not hold up a handshake.
        let Ok(_asking) = pool.asking.try_lock() else { continue };
        let block = if node.drains() { 0 } else { pool.block(session) };
        let spare = lock(&pool.state).shrink(block);
        if spare > 0 {
            let doubt = lock(&pool.state).doubtful();
            let call = pool.call(node, session, format!("-{spare}"), &[]);
            let _: (i64, Readable<u64>) =
                node.tell(session, async |mut connection| call.run(&mut connection).await).await?;
            lock(&pool.state).doubt = doubt;
        }
    }
    // A pool is forgotten when nothing holds it and the store has nothing of it. With a doubt it is not: only the pool
    // itself remembers that something may have to be given back.
    lock(&node.pools).retain(|_, pool| Arc::strong_count(pool) > 1 || !lock(&pool.state).is_void());
    Ok(())
}

fn pool(node: &Node, wanted: &PermitRequest) -> Arc<Pool> {
    let (name, max) = (wanted.name, wanted.max);
    let new = || Pool { name, max, state: Mutex::default(), asking: tokio::sync::Mutex::default() };
    lock(&node.pools).entry(wanted.name).or_insert_with(|| Arc::new(new())).clone()
}

fn pools(node: &Node) -> Vec<Arc<Pool>> {
    lock(&node.pools).values().cloned().collect()
}

impl Pool {
    /// Asks for a block, and once more where incarnations that are over have places.
    async fn grow(&self, node: &Node, session: &Session, by: Deadline) -> Result<(), NoAnswer> {
        let want = self.block(session).max(1);
        // In doubt before it is asked, and for as long as this future is not answered: it may be dropped at any
        // `await`.
        let doubt = lock(&self.state).doubtful();
        let mut over = Vec::new();
        loop {
            let call = self.call(node, session, want.to_string(), &over);
            let (granted, Readable(holders)): (u64, _) = node.ask_known(session, by, call).await?;
            let again = over.is_empty();
            over = session.view.over(holders);
            if granted > 0 || over.is_empty() || !again {
                let mut state = lock(&self.state);
                state.granted += usize::try_from(granted).unwrap_or(usize::MAX);
                state.doubt = doubt;
                return Ok(());
            }
        }
    }

    fn call(&self, node: &Node, session: &Session, by: String, over: &[u64]) -> Call {
        let call = Call::new(&script::ALLOT).key(&node.settings.keys.allotments(self.name));
        call.arg(session.incarnation).arg(by).arg(self.max).arg(LIFE.as_secs() * 1000).args(over)
    }

    pub(crate) fn is_idle(&self) -> bool {
        lock(&self.state).used == 0
    }

    fn block(&self, session: &Session) -> usize {
        self.max / (BLOCKS * session.view.nodes().max(1))
    }
}

impl Allotment {
    /// Uses a place that is there. Returns false if there is none.
    fn take(&mut self) -> bool {
        let free = self.used < self.granted;
        self.used += usize::from(free);
        free
    }

    /// The store is asked: as long as there is no answer, it may have granted what is not known here. Returns what was
    /// in doubt before, which an answer does not settle.
    fn doubtful(&mut self) -> u8 {
        std::mem::replace(&mut self.doubt, 2)
    }

    /// Uses a place that may not be there, because the store cannot be asked and the connection is admitted all the
    /// same.
    fn keep(&mut self) {
        self.used += 1;
        if self.used > self.granted {
            self.granted = self.used;
            self.doubt = self.doubt.max(1);
        }
    }

    /// Gives up what is spare beyond a block.
    fn shrink(&mut self, block: usize) -> usize {
        let spare = (self.granted - self.used).saturating_sub(block);
        self.granted -= spare;
        spare
    }

    fn is_void(&self) -> bool {
        self.granted == 0 && self.doubt == 0
    }
}

impl Place {
    pub(crate) fn is_of(&self, name: Name) -> bool {
        self.pool.name == name
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        lock(&self.pool.state).used -= 1;
        self.node.work.notify_one();
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place").field("pool", &self.pool.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_spare_beyond_a_block_is_given_back() {
        let mut allotment = Allotment { granted: 10, ..Allotment::default() };
        assert!((0..10).all(|_| allotment.take()));
        assert!(!allotment.take());
        allotment.used = 3;
        assert_eq!(allotment.shrink(4), 3);
        assert_eq!((allotment.granted, allotment.used), (7, 3));
        assert_eq!(allotment.shrink(4), 0);
    }

    #[test]
    fn what_was_kept_is_told() {
        let mut allotment = Allotment { granted: 1, ..Allotment::default() };
        allotment.keep();
        assert_eq!((allotment.granted, allotment.doubt), (1, 0));
        allotment.keep();
        assert_eq!((allotment.granted, allotment.doubt), (2, 1));
    }
}
