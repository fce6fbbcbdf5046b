//! Who the client is: the peer, or the address that trusted proxies name, hop by hop from the right.
//!
//! An address that is wrong here is wrong in every limit inside, and a client that can choose it has no limits at all.
//! So nothing is taken over from the request's extensions, and a header counts only as far as each hop that vouches for
//! it is trusted.

use std::net::IpAddr;

use http::{HeaderMap, request::Parts};
use portcullis_core::{
    Connection,
    handshake::is_handshake,
    identity::{ClientIp, TrustedPeer},
    refusal::Refusal,
};

use super::{
    forwarded,
    peer::{UNKNOWN_PEER, peer},
    settings::{Settings, Source},
};

impl Settings {
    /// Puts the client's address into a request, and into its connection where one is guarded already. Refuses a
    /// handshake whose peer is not known.
    pub(super) fn set_client_ip(&self, parts: &mut Parts) -> Result<(), Refusal> {
        // An address that something else has put there is not trusted.
        parts.extensions.remove::<ClientIp>();
        parts.extensions.remove::<TrustedPeer>();
        let Some(peer) = peer(&parts.extensions) else {
            return if is_handshake(parts) { Err(Refusal::misconfigured(UNKNOWN_PEER)) } else { Ok(()) };
        };
        let client = self.client(peer, &parts.headers);
        parts.extensions.insert(ClientIp(client));
        // A layer outside guards the connection already, and limits inside read the address from the request. Operators
        // read it from the connection.
        if let Some(connection) = parts.extensions.get::<Connection>() {
            connection.set_client_ip(client);
        }
        if self.trusts(peer.to_canonical()) {
            parts.extensions.insert(TrustedPeer);
        }
        Ok(())
    }

    pub(super) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let peer = peer.to_canonical();
        if !self.trusts(peer) {
            return peer;
        }
        match self.source() {
            Source::Forwarded => self.walk(peer, &forwarded::forwarded(headers)),
            Source::List(name) => self.walk(peer, &forwarded::listed(headers, &name)),
        }
    }

    fn walk(&self, peer: IpAddr, hops: &[Option<IpAddr>]) -> IpAddr {
        let mut client = peer;
        for hop in hops {
            let Some(hop) = *hop else { break };
            client = hop;
            // The first that is not trusted was seen by a proxy that is: it is the client, or a proxy that belongs to
            // another operator.
            if !self.trusts(hop) {
                break;
            }
        }
        client
    }
}
