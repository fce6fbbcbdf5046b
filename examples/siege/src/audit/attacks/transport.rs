//! What everybody on the way can read.

use super::super::{
    attack::{Attack, Load},
    client::Client,
    group::TRANSPORT,
    verdict::Judged,
};
pub(super) const ALL: &[Attack] = &[Attack {
    name: "no encryption",
    group: &TRANSPORT,
    harm: "whoever is on the way reads tokens and messages, and writes others",
    load: Load::Light,
    run: |client| Ok(look(client)),
}];

fn look(client: &Client) -> Judged {
    if client.scope.secure {
        Judged::stopped("wss, and the certificate is trusted")
    } else if client.scope.is_elsewhere() {
        Judged::through("ws, over a network")
    } else {
        Judged::unclear("ws, on loopback: whether a proxy encrypts is not seen from here")
    }
}
