//! Commands to live connections, on whichever node they are.

use std::{fmt, str::FromStr, sync::Weak, time::Instant};

use super::name::{Name, NotHexadecimal};
use crate::{close::CloseFrame, decision::Decision, id::ConnectionId};

/// Names a node, from its start to its end.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId([u8; 16]);

impl NodeId {
    /// A name by its bytes, which no other node has.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

/// In hexadecimal digits.
impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Name::from_bytes(self.0).fmt(f)
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeId({self})")
    }
}

impl FromStr for NodeId {
    type Err = NotHexadecimal;

    fn from_str(digits: &str) -> Result<Self, Self::Err> {
        digits.parse().map(|name: Name| Self(*name.as_bytes()))
    }
}

/// A command to live connections, with names in the place of users and addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Command {
    /// Whose connections.
    pub whom: Meant,
    /// What becomes of them.
    pub order: Order,
}

impl Command {
    /// A command.
    pub const fn new(whom: Meant, order: Order) -> Self {
        Self { whom, order }
    }
}

/// Whose connections a command means, as nodes tell each other.
///
/// This enum is complete: a store carries out all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meant {
    /// All of a subject.
    Subject(Name),
    /// All of a client address.
    ClientIp(Name),
    /// One connection of one node.
    Connection(NodeId, ConnectionId),
    /// All.
    Everybody,
}

/// What becomes of connections.
///
/// This enum is complete: a store carries out all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// They are closed.
    Close(CloseFrame),
    /// They are cut off without a closing handshake.
    Abort,
}

/// Carries out what other nodes command.
pub trait Obey: Send + Sync + 'static {
    /// Carries out a command, perhaps not for the first time. Connections that began after `until`, the latest time at
    /// which it can have been sent, are not meant. Must not block.
    fn obey(&self, command: &Command, until: Instant);
}

/// A store that carries commands to all nodes.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not carry commands to other nodes",
    note = "`portcullis_redis::Cluster` does"
)]
pub trait ShareCommands: Send + Sync + 'static {
    /// What a value of a kind is called on all nodes.
    fn name(&self, kind: &str, value: &[u8]) -> Name;

    /// What this node is called.
    fn node(&self) -> NodeId;

    /// Sends a command, whether or not the answer is waited for: it says whether the store has it. Those of one node
    /// are delivered in the order in which they were sent, to each node at least once.
    fn send(&self, command: Command) -> Decision<bool>;

    /// Delivers commands for as long as whoever obeys them lives, those of this node among them.
    fn deliver(&self, to: Weak<dyn Obey>);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_found_again_by_its_digits() {
        let node = NodeId::from_bytes(std::array::from_fn(|at| u8::try_from(at * 17).unwrap()));
        assert_eq!(node.to_string().parse(), Ok(node));
        for wrong in ["", "00", "00112233445566778899aabbccddeefg", "+0112233445566778899aabbccddeeff"] {
            wrong.parse::<NodeId>().unwrap_err();
        }
    }
}
