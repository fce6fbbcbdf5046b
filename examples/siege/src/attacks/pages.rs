//! Pages of other sites.

use std::net::SocketAddr;

use super::attack::{Attack, Want};
use crate::{
    Result,
    observation::Observation,
    page::Visit,
    raw::{self, Opened},
};

pub(super) const ALL: &[Attack] = &[
    Attack { name: "cross-site page", run: |address| page(address, "https://evil.example"), want: NOTHING },
    Attack { name: "look-alike origin", run: |address| page(address, LOOK_ALIKE), want: NOTHING },
    Attack { name: "null origin", run: |address| page(address, "null"), want: NOTHING },
];

/// A page of another site learns nothing, not even from a close code.
const NOTHING: Want = Want::Refused(403, 1006);

const LOOK_ALIKE: &str = "https://chat.example.evil.net";

/// Connects as a page of `origin`: gets an echo, or a refusal.
fn page(address: SocketAddr, origin: &str) -> Result<Observation> {
    match raw::open(address, "/ws", Some(origin))? {
        Opened::Socket(socket) => socket.greet(),
        Opened::Status(status) => {
            Ok(Observation::Refused { status, page: Visit::new(address, "/ws", origin)?.observe()? })
        }
    }
}
