//! Which proxies are trusted, and what they write the client's address in.

use std::{error::Error, fmt, net::IpAddr};

use http::HeaderName;
use ipnet::IpNet;

#[derive(Debug, Clone, Default)]
pub(super) struct Settings {
    pub(super) trusted: Vec<IpNet>,
    pub(super) source: Source,
}

#[derive(Debug, Clone)]
pub(super) enum Source {
    Forwarded,
    List(HeaderName),
}

impl Default for Source {
    fn default() -> Self {
        Self::List(HeaderName::from_static("x-forwarded-for"))
    }
}

/// A text that is no network, such as `10.0.0.0/8`, and no address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidNetwork(String);

impl fmt::Display for InvalidNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid network {:?}: neither an address nor one with a prefix, such as 10.0.0.0/8", self.0)
    }
}

impl Error for InvalidNetwork {}

impl Settings {
    pub(super) fn trusts(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(&address))
    }
}

/// An address, or a network such as `10.0.0.0/8`.
pub(super) fn network(text: &str) -> Result<IpNet, InvalidNetwork> {
    let address = || text.parse::<IpAddr>().ok().map(IpNet::from);
    text.parse().ok().or_else(address).map(canonical).ok_or_else(|| InvalidNetwork(text.to_owned()))
}

/// A network of IPv4 addresses that come as IPv6 ones is the IPv4 network.
fn canonical(network: IpNet) -> IpNet {
    let IpNet::V6(mapped) = network else { return network };
    let v4 = mapped.network().to_ipv4_mapped().zip(mapped.prefix_len().checked_sub(96));
    v4.and_then(|(address, prefix)| IpNet::new(address.into(), prefix).ok()).unwrap_or(network)
}
