//! Commands to live connections, on whichever node they are.
//!
//! Delivery is at least once and in order for each sending node. That is enough, since each command may be carried out
//! twice without harm: a connection that is closed already is left as it is. What must not happen is that a command
//! that arrives late hits a connection that began after it, and `until` prevents that.

use std::{fmt, str::FromStr, sync::Weak, time::Instant};

use super::name::{Name, NotHexadecimal};
use crate::{close::CloseFrame, decision::Decision, id::ConnectionId};

/// Identifies a node, from its start to its end.
///
/// A node that is restarted has another one: its connections are gone, and ids of connections begin anew.
///
/// ```
/// use portcullis_core::shared::NodeId;
///
/// let node = NodeId::from_bytes([1; 16]);
/// assert_eq!(node.to_string().parse(), Ok(node), "as an operator copies it");
/// assert!("node 1".parse::<NodeId>().is_err());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId([u8; 16]);

impl NodeId {
    /// Creates an id from its bytes, which must be unique among nodes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

/// Prints 32 hexadecimal digits.
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
    /// The connections it is for.
    pub target: CommandTarget,
    /// What is done to them.
    pub action: CommandAction,
}

impl Command {
    /// Creates a command.
    pub const fn new(target: CommandTarget, action: CommandAction) -> Self {
        Self { target, action }
    }
}

/// The connections that a command is for, with names in place of subjects and addresses.
///
/// This enum is complete: a store carries out all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommandTarget {
    /// All connections of a subject.
    Subject(Name),
    /// All connections from a client address.
    ClientIp(Name),
    /// One connection of a node.
    Connection(NodeId, ConnectionId),
    /// All connections.
    All,
}

/// What a command does to connections.
///
/// This enum is complete: a store carries out all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommandAction {
    /// They are closed.
    Close(CloseFrame),
    /// They are cut off without a closing handshake.
    Abort,
}

/// Carries out commands, from this node and from others.
pub trait CommandHandler: Send + Sync + 'static {
    /// Carries out a command, which may be delivered more than once. Connections that began after `until`, the latest
    /// time at which it can have been sent, are left alone. Must not block.
    fn handle(&self, command: &Command, until: Instant);
}

/// A store that carries commands to all nodes.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not carry commands to other nodes",
    note = "`portcullis_redis::Cluster` does"
)]
pub trait ShareCommands: Send + Sync + 'static {
    /// Returns the name of a value on all nodes.
    fn name(&self, kind: &str, value: &[u8]) -> Name;

    /// Returns the id of this node.
    fn node(&self) -> NodeId;

    /// Sends a command, whether or not the decision is awaited. It says whether the store has accepted the command.
    /// Commands of one node are delivered to each node at least once, in the order in which they were sent.
    fn send(&self, command: Command) -> Decision<bool>;

    /// Delivers commands to a handler until it is dropped, including those that this node has sent.
    fn deliver(&self, to: Weak<dyn CommandHandler>);
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
