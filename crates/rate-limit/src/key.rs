//! Whose quota it is.

use std::{
    fmt,
    hash::Hash,
    net::{IpAddr, Ipv6Addr},
    sync::Arc,
};

use http::request::Parts;
use portcullis_core::{
    identity::{ClientAddr, Subject},
    refusal::Refusal,
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
    pub(crate) fn owner(&self, parts: &Parts, secret: &Secret, prefix: u8) -> Result<Owner, Refusal> {
        let subject = parts.extensions.get::<Subject>();
        match (self, subject) {
            (Self::Connection, _) => Ok(Owner::Own),
            (Self::Subject { .. }, Some(subject)) => Ok(Owner::Shared(of_subject(secret, subject))),
            (Self::Subject { required: true }, None) => Ok(Owner::Unknown),
            (Self::Subject { .. } | Self::Client, _) => client(parts, secret, prefix),
            (Self::Custom(key), _) => Ok(key(parts, secret).map_or(Owner::Own, Owner::Shared)),
            (Self::Global, _) => Ok(Owner::Shared(Key::ONE)),
        }
    }
}

pub(crate) fn of_subject(secret: &Secret, subject: &Subject) -> Key {
    secret.key(&("subject", subject))
}

fn client(parts: &Parts, secret: &Secret, prefix: u8) -> Result<Owner, Refusal> {
    let ClientAddr(address) = parts.extensions.get().ok_or_else(|| {
        Refusal::wiring(
            "a message rate per client address stands where no layer outside says what that is: put a `ClientIpLayer` \
             outside of it, or insert a `ClientAddr`",
        )
    })?;
    Ok(Owner::Shared(secret.key(&("client", network(*address, prefix)))))
}

/// IPv4 exactly; of IPv6 the network, of which one client has all addresses.
fn network(address: IpAddr, prefix: u8) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(prefix.min(128))).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & mask))
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

/// Of the user's value.
pub(crate) fn custom<K: Hash>(secret: &Secret, key: &K) -> Key {
    secret.key(&("custom", key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_network_are_one_client() {
        for (one, other, prefix, same) in [
            ("192.0.2.1", "192.0.2.1", 64, true),
            ("192.0.2.1", "192.0.2.2", 64, false),
            ("192.0.2.1", "::ffff:192.0.2.1", 64, true),
            ("2001:db8::1", "2001:db8::ffff:1", 64, true),
            ("2001:db8::1", "2001:db8:0:1::1", 64, false),
            ("2001:db8::1", "2001:db8:0:1::1", 48, true),
            ("2001:db8::1", "2001:db8::2", 128, false),
            ("2001:db8::1", "fe80::1", 0, true),
        ] {
            let of = |address: &str| network(address.parse().unwrap(), prefix);
            assert_eq!(of(one) == of(other), same, "{one} {other} {prefix}");
        }
    }
}
