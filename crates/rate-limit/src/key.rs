//! Whose quota it is.
//!
//! Without a scope each connection has a quota of its own, which a client resets by reconnecting. A shared one is found
//! by subject, address or key, hashed with a secret of the process.

use std::{fmt, net::IpAddr, sync::Arc};

use http::request::Parts;
use portcullis_core::{
    identity::{ClientIp, Subject},
    refusal::{LimitOwner, Refusal},
    shared::{Name, ShareQuotas},
};
use portcullis_quota::{Key, Secret};

/// What the user's own keys are made of.
pub(crate) type Custom = dyn Fn(&Parts) -> Option<Box<[u8]>> + Send + Sync;

/// Whose quota a layer counts.
#[derive(Clone)]
pub(crate) enum Scope {
    Connection,
    Subject { required: bool },
    Client,
    Custom(Arc<Custom>),
    Global,
}

/// Whose quota a connection uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Owned {
    /// Its own.
    Own,
    /// No owner, until the peer is known.
    Unknown,
    By(By),
}

/// Who shares a quota.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum By {
    Subject(Subject),
    Client(IpAddr),
    Custom(Box<[u8]>),
    All,
}

impl Scope {
    pub(crate) fn is_shared(&self) -> bool {
        !matches!(self, Self::Connection)
    }

    /// Who owns the quota that a handshake's connection will use.
    pub(crate) fn owned(&self, parts: &Parts, ipv6_prefix: u8) -> Result<Owned, Refusal> {
        Ok(match self {
            Self::Connection => Owned::Own,
            Self::Subject { required } => match LimitOwner::of(parts, ipv6_prefix, *required)? {
                LimitOwner::Subject(subject) => Owned::By(By::Subject(subject)),
                // Nothing is charged before the first message, so this counts if that names no subject.
                LimitOwner::Awaited(Some(client)) if !required => Owned::By(By::Client(client)),
                LimitOwner::Awaited(_) => Owned::Unknown,
                LimitOwner::Client(client) => Owned::By(By::Client(client)),
            },
            Self::Client => Owned::By(By::Client(ClientIp::network_of(parts, ipv6_prefix)?)),
            Self::Custom(key) => key(parts).map_or(Owned::Own, |key| Owned::By(By::Custom(key))),
            Self::Global => Owned::By(By::All),
        })
    }
}

impl By {
    /// What the state of this node is found by.
    pub(crate) fn key(&self, secret: &Secret) -> Key {
        match self {
            Self::Subject(subject) => secret.key(&(0_u8, subject)),
            Self::Client(client) => secret.address(*client),
            Self::Custom(key) => secret.key(&(1_u8, key)),
            Self::All => Key::ONE,
        }
    }

    /// What it is called on all nodes.
    pub(crate) fn name(&self, store: &dyn ShareQuotas) -> Name {
        match self {
            Self::Subject(subject) => store.name("messages of a subject", &subject.to_bytes()),
            Self::Client(client) => store.name("messages of a client", client.to_string().as_bytes()),
            Self::Custom(key) => store.name("messages of a key", key),
            Self::All => store.name("messages", &[]),
        }
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connection => "Connection",
            Self::Subject { .. } => "Subject",
            Self::Client => "Client",
            Self::Custom(_) => "Custom",
            Self::Global => "Global",
        })
    }
}
