//! Tickets that are good once over all nodes.
//!
//! A ticket is a key that is set only if it is not there, and expires with the ticket. The server decides who is first,
//! so of two nodes that are given the same ticket at the same moment one accepts it.
//!
//! There is nothing to fall back to: a ticket cannot be divided among nodes as a limit can. While the store is away it
//! is refused, and can be used later, or each node accepts it once.
//!
//! **What this does not do**: outlive a loss of data, or a failover to a replica that was not told. A ticket may be
//! used once more then, so let them live for a minute. And if the answer is lost, the ticket may be used up though its
//! client was refused: it has to get another one, which is the safe side of the two.

use std::time::Duration;

use portcullis_core::shared::{Deadline, Name};

use crate::node::{NoAnswer, Node, millis};

/// Uses a ticket up, and remembers that for so long. Returns whether this was the first use.
pub(crate) async fn spend(node: &Node, name: Name, life: Duration, by: Deadline) -> Result<bool, NoAnswer> {
    let session = node.session().ok_or(NoAnswer)?;
    let mut set = redis::cmd("SET");
    set.arg(node.settings.keys.ticket(name)).arg(1).arg("NX").arg("PX").arg(life_of(life));
    let answer: Option<String> = node.ask_command(&session, by, &set).await?;
    Ok(answer.is_some())
}

/// In milliseconds that a server takes: not zero, and not more than the time of day can have, which is an error.
fn life_of(life: Duration) -> u64 {
    millis(life).clamp(1, 1 << 50)
}
