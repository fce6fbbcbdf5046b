//! Who is connected, as layers tell each other through request extensions.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
    sync::Arc,
};

/// The client's address, behind trusted proxies if there are any. Set by the layer that knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientAddr(pub IpAddr);

impl ClientAddr {
    /// What names a client: an IPv4 address, or so many leading bits of an IPv6 one, as one client has all addresses behind
    /// them. An IPv4 address that comes as an IPv6 one is the IPv4 address.
    pub fn network(self, ipv6_prefix: u8) -> IpAddr {
        match self.0.to_canonical() {
            IpAddr::V6(address) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(ipv6_prefix.min(128))).unwrap_or(0);
                IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & mask))
            }
            v4 @ IpAddr::V4(_) => v4,
        }
    }
}

/// Marks a request whose peer is a trusted proxy, so that its `X-Forwarded-*` headers may be believed.
///
/// Whoever sets this states that the peer is a proxy of one's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrustedPeer;

/// Marks a request whose origin was checked, and would have been refused had it been a foreign one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OriginChecked;

/// A layer that checks origins and refuses foreign ones, and says so to those inside with [`OriginChecked`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not check origins",
    note = "a browser sends cookies along for any page: give the `OriginLayer` that stands outside of this layer"
)]
pub trait ChecksOrigin {}

/// The authenticated subject. Anybody may construct one: a session cookie, mutual TLS or a login layer can set it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject(Arc<str>);

impl Subject {
    /// A subject by its name.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Subject").field(&self.0).finish()
    }
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
            let of = |address: &str| ClientAddr(address.parse().unwrap()).network(prefix);
            assert_eq!(of(one) == of(other), same, "{one} {other} {prefix}");
        }
    }
}
