//! Tickets that are good once over all nodes.

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

/// In milliseconds that a server takes.
fn life_of(life: Duration) -> u64 {
    millis(life).clamp(1, 1 << 50)
}
