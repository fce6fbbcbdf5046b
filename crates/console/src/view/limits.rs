//! Limits on connections and how full they are.

use serde::Serialize;

use crate::{snapshot::Snapshot, state::State};

/// A limit.
#[derive(Serialize)]
pub(crate) struct Shown {
    name: String,
    scope: &'static str,
    max: usize,
    /// How many there are now; for a limit per address or subject, of the one with the most.
    live: Option<usize>,
    /// Nine tenths of `max`.
    high_water: usize,
    /// Nine tenths were reached, and it has not fallen below eight tenths since.
    is_high: bool,
    full: bool,
}

/// Shows all limits that were registered with the console.
pub(crate) fn limits(state: &State, snapshot: &Snapshot) -> Vec<Shown> {
    #[cfg(feature = "connections")]
    let shown = of_connections(state, snapshot);
    #[cfg(not(feature = "connections"))]
    let shown = Vec::new();
    let _ = (state, snapshot);
    shown
}

#[cfg(feature = "connections")]
fn of_connections(state: &State, snapshot: &Snapshot) -> Vec<Shown> {
    use portcullis_connections::LimitScope;

    let holders = snapshot.holders();
    let mut shown = Vec::new();
    for (name, layer) in &state.settings.limits {
        for limit in layer.occupancy() {
            let live = limit.live.or_else(|| match limit.scope {
                LimitScope::ClientIp => holders.clients.first().map(|holder| holder.count),
                LimitScope::Subject => holders.subjects.first().map(|holder| holder.count),
                _ => None,
            });
            let high_water = limit.max - limit.max / 10;
            shown.push(Shown {
                name: name.to_string(),
                scope: limit.scope.as_str(),
                max: limit.max,
                live,
                high_water,
                is_high: limit.is_high || live.is_some_and(|live| live >= high_water && limit.max > 0),
                full: live.is_some_and(|live| live >= limit.max),
            });
        }
    }
    shown
}
