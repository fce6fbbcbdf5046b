//! The client's address, for layers that cannot do without.

use std::net::IpAddr;

use http::request::Parts;

use super::Refusal;
use crate::identity::ClientIp;

impl ClientIp {
    /// The [`network`](Self::network) of the client that a layer outside has found: what a limit per client address
    /// counts.
    ///
    /// # Errors
    ///
    /// A wiring error if no layer outside has found the client's address.
    pub fn network_of(parts: &Parts, ipv6_prefix: u8) -> Result<IpAddr, Refusal> {
        let client = parts.extensions.get::<Self>().ok_or_else(|| {
            Refusal::misconfigured(
                "a limit per client address stands where no layer outside says what that is: put a `ClientIpLayer` \
                 outside of it, or insert a `ClientIp`",
            )
        })?;
        Ok(client.network(ipv6_prefix))
    }
}
