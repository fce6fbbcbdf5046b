//! Who the client is: the peer, or whom trusted proxies name, hop by hop from the right.

use std::net::IpAddr;

use http::HeaderMap;

use super::{
    forwarded,
    settings::{Settings, Source},
};

impl Settings {
    pub(super) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let peer = peer.to_canonical();
        if !self.trusts(peer) {
            return peer;
        }
        match &self.source {
            Source::Forwarded => self.walk(peer, &forwarded::forwarded(headers)),
            Source::List(name) => self.walk(peer, &forwarded::listed(headers, name)),
        }
    }

    fn walk(&self, peer: IpAddr, hops: &[Option<IpAddr>]) -> IpAddr {
        let mut client = peer;
        for hop in hops {
            let Some(hop) = *hop else { break };
            client = hop;
            if !self.trusts(hop) {
                break;
            }
        }
        client
    }
}
