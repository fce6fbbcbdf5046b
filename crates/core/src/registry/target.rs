//! Which connections a command is for, on whichever node they are.

use std::net::IpAddr;

use crate::{id::ConnectionId, identity::Subject, shared::NodeId};

/// Which connections [`Connections::close`](super::Connections::close) and
/// [`abort`](super::Connections::abort) are for, on whichever node they are.
///
/// Subjects and addresses convert into a target:
///
/// ```
/// use std::net::IpAddr;
/// use portcullis_core::{Target, identity::Subject};
///
/// let alice = Subject::new("alice");
/// assert_eq!(Target::from(&alice), Target::Subject(alice));
/// assert_eq!(Target::from(IpAddr::from([192, 0, 2, 1])), Target::ClientIp([192, 0, 2, 1].into()));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Target {
    /// All connections of a subject.
    Subject(Subject),
    /// All connections from a client address.
    ClientIp(IpAddr),
    /// One connection.
    Connection {
        /// Its node: what [`Connections::node`](super::Connections::node) returns there.
        node: NodeId,
        /// Its id: what [`Connection::id`](crate::Connection::id) returns there.
        id: ConnectionId,
    },
    /// All connections.
    All,
}

impl From<Subject> for Target {
    fn from(subject: Subject) -> Self {
        Self::Subject(subject)
    }
}

impl From<&Subject> for Target {
    fn from(subject: &Subject) -> Self {
        Self::Subject(subject.clone())
    }
}

impl From<IpAddr> for Target {
    fn from(address: IpAddr) -> Self {
        Self::ClientIp(address)
    }
}
