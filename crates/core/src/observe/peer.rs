//! The peer that a report is about.

use std::net::IpAddr;

use crate::{id::ConnectionId, identity::Subject};

/// Who the peer of a connection is, as far as it is known.
#[cfg_attr(not(feature = "observer"), allow(dead_code, unreachable_pub, reason = "it is public with that feature"))]
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Peer<'a> {
    /// The connection.
    pub id: ConnectionId,
    /// The client's address.
    pub client: Option<IpAddr>,
    /// The authenticated subject.
    pub subject: Option<&'a Subject>,
}

impl<'a> Peer<'a> {
    pub(crate) fn new(id: ConnectionId, client: Option<IpAddr>, subject: Option<&'a Subject>) -> Self {
        Self { id, client, subject }
    }
}
