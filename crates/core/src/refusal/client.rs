//! The client's address, for layers that require it.

use std::net::IpAddr;

use http::request::Parts;

use super::Refusal;
use crate::identity::ClientIp;

impl ClientIp {
    /// Returns the [`network`](Self::network) of the client's address, which limits per client address count by.
    ///
    /// ```
    /// use http::Request;
    /// use portcullis_core::identity::ClientIp;
    ///
    /// let (mut parts, ()) = Request::get("/ws").body(())?.into_parts();
    /// assert_eq!(ClientIp::network_of(&parts, 64).unwrap_err().status(), 500);
    /// parts.extensions.insert(ClientIp("2001:db8::7".parse().unwrap())); // as a `ClientIpLayer` does
    /// assert_eq!(ClientIp::network_of(&parts, 64).unwrap().to_string(), "2001:db8::");
    /// # Ok::<_, http::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// A wiring error if no layer outside has determined the client's address.
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
