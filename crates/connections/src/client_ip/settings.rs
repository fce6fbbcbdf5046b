//! Which proxies are trusted, and the header in which they report the client's address.
//!
//! Networks are merged as they are added. Otherwise two halves of the internet, each of them harmless to look at, would
//! make every client a trusted proxy.

use std::{error::Error, fmt, net::IpAddr};

use http::HeaderName;
use ipnet::IpNet;

#[derive(Debug, Clone, Default)]
pub(super) struct Settings {
    /// Sorted, and without overlaps.
    trusted: Vec<IpNet>,
    pub(super) everyone: bool,
    /// By default `X-Forwarded-For`.
    source: Option<Source>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    Forwarded,
    List(HeaderName),
}

/// The error for a text that is neither an address nor a network such as `10.0.0.0/8`, or for networks that contain all
/// addresses.
///
/// ```
/// use portcullis_connections::ClientIpLayer;
///
/// for wrong in ["10.0.0.0/33", "10.0.0", "proxy.internal", ""] {
///     assert!(ClientIpLayer::new().trust([wrong]).is_err(), "{wrong:?}");
/// }
/// assert!(ClientIpLayer::new().trust(["10.0.0.1", "10.1.0.0/16", "fd00::/8"]).is_ok());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidNetwork(Invalid);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Invalid {
    Text(String),
    Everyone(IpNet),
}

impl fmt::Display for InvalidNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Invalid::Text(text) => {
                write!(f, "invalid network {text:?}: neither an address nor one with a prefix, such as 10.0.0.0/8")
            }
            Invalid::Everyone(network) => write!(
                f,
                "the trusted networks make up {network}, so that any client could name any address: list the proxies, \
                 or say `danger_trust_everyone`"
            ),
        }
    }
}

impl Error for InvalidNetwork {}

impl Settings {
    pub(super) fn trusts(&self, address: IpAddr) -> bool {
        self.everyone || self.trusted.iter().any(|network| network.contains(&address))
    }

    /// Sets the header. Setting two different ones is a mistake.
    #[track_caller]
    pub(super) fn read(&mut self, source: Source) {
        let other = self.source.as_ref().is_some_and(|other| *other != source);
        assert!(!other, "the client's address is read from one header");
        self.source = Some(source);
    }

    pub(super) fn source(&self) -> Source {
        self.source.clone().unwrap_or_else(|| Source::List(HeaderName::from_static("x-forwarded-for")))
    }

    /// Adds trusted networks, unless all addresses of an IP version would then be trusted.
    pub(super) fn trust(&mut self, networks: Vec<IpNet>) -> Result<(), InvalidNetwork> {
        self.trusted.extend(networks);
        self.trusted = IpNet::aggregate(&self.trusted);
        let everyone = self.trusted.iter().find(|network| network.prefix_len() == 0);
        everyone.map_or(Ok(()), |network| Err(InvalidNetwork(Invalid::Everyone(*network))))
    }
}

/// An address, or a network such as `10.0.0.0/8`.
pub(super) fn network(text: &str) -> Result<IpNet, InvalidNetwork> {
    let address = || text.parse::<IpAddr>().ok().map(IpNet::from);
    text.parse().ok().or_else(address).map(canonical).ok_or_else(|| InvalidNetwork(Invalid::Text(text.to_owned())))
}

/// A network of IPv4 addresses that come as IPv6 ones is the IPv4 network.
fn canonical(network: IpNet) -> IpNet {
    let IpNet::V6(mapped) = network else { return network };
    let v4 = mapped.network().to_ipv4_mapped().zip(mapped.prefix_len().checked_sub(96));
    v4.and_then(|(address, prefix)| IpNet::new(address.into(), prefix).ok()).unwrap_or(network)
}
