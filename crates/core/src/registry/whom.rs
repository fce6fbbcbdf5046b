//! Whose connections are meant, on whichever node they are.

use std::net::IpAddr;

use crate::{id::ConnectionId, identity::Subject, shared::NodeId};

/// Whose connections are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Whom {
    /// All of a subject.
    Subject(Subject),
    /// All of a client address.
    ClientIp(IpAddr),
    /// One connection of one node.
    Connection {
        /// The node, as [`Connections::node`](super::Connections::node) says there.
        node: NodeId,
        /// The connection, as [`Connection::id`](crate::Connection::id) says there.
        id: ConnectionId,
    },
    /// All.
    Everybody,
}

impl From<Subject> for Whom {
    fn from(subject: Subject) -> Self {
        Self::Subject(subject)
    }
}

impl From<&Subject> for Whom {
    fn from(subject: &Subject) -> Self {
        Self::Subject(subject.clone())
    }
}

impl From<IpAddr> for Whom {
    fn from(address: IpAddr) -> Self {
        Self::ClientIp(address)
    }
}
