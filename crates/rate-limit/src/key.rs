//! Whose quota it is.

use std::{fmt, sync::Arc};

use http::request::Parts;
use portcullis_core::{
    identity::{ClientIp, Subject},
    refusal::{LimitOwner, Refusal},
};
use portcullis_quota::{Key, Secret};

/// What the user's own keys are made of.
pub(crate) type Custom = dyn Fn(&Parts, &Secret) -> Option<Key> + Send + Sync;

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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    Own,
    Shared(Key),
    /// Nobody's, until it is known who the peer is.
    Unknown,
}

impl Scope {
    pub(crate) fn is_shared(&self) -> bool {
        !matches!(self, Self::Connection)
    }

    /// Who owns the quota that a handshake's connection will use.
    pub(crate) fn owner(&self, parts: &Parts, secret: &Secret, ipv6_prefix: u8) -> Result<Owner, Refusal> {
        Ok(match self {
            Self::Connection => Owner::Own,
            Self::Subject { required } => match LimitOwner::of(parts, ipv6_prefix, *required)? {
                LimitOwner::Subject(subject) => Owner::Shared(of_subject(secret, &subject)),
                // Nothing is charged before the first message, so this counts if that names nobody.
                LimitOwner::Awaited(Some(client)) if !required => Owner::Shared(secret.address(client)),
                LimitOwner::Awaited(_) => Owner::Unknown,
                LimitOwner::Client(client) => Owner::Shared(secret.address(client)),
            },
            Self::Client => Owner::Shared(secret.address(ClientIp::network_of(parts, ipv6_prefix)?)),
            Self::Custom(key) => key(parts, secret).map_or(Owner::Own, Owner::Shared),
            Self::Global => Owner::Shared(Key::ONE),
        })
    }
}

pub(crate) fn of_subject(secret: &Secret, subject: &Subject) -> Key {
    secret.key(&("subject", subject))
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

/// Of the user's value.
pub(crate) fn custom(secret: &Secret, key: &[u8]) -> Key {
    secret.key(&("custom", key))
}
