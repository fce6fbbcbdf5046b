//! The order in which the attacks are run and printed.

use super::{attack::Attack, beside, connections, deploy, frames, liveness, pages, polite, rates, sizes, tokens};

/// All attacks, followed by the legitimate clients.
pub(crate) fn all() -> impl Iterator<Item = &'static Attack> {
    let connected = [pages::ALL, frames::ALL, rates::ALL, connections::ALL, tokens::ALL, beside::ALL];
    let living = [liveness::ALL, sizes::ALL, deploy::ALL, polite::ALL];
    connected.into_iter().chain(living).flatten()
}
