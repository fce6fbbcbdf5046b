//! The client that a limit per address counts, which a layer outside must have found.

use std::net::IpAddr;

use http::request::Parts;
use portcullis_core::{identity::ClientAddr, refusal::Refusal};

/// IPv4 exactly; of IPv6 the network, of which one client has all addresses.
pub(crate) fn client(parts: &Parts, ipv6_prefix: u8) -> Result<IpAddr, Refusal> {
    let client: &ClientAddr = parts.extensions.get().ok_or_else(|| {
        Refusal::wiring(
            "a limit per client address stands where no layer outside says what that is: put a `ClientIpLayer` \
             outside of it",
        )
    })?;
    Ok(client.network(ipv6_prefix))
}
