//! The state that all requests to a console share.

use std::sync::Arc;

use portcullis_core::{Connection, Connections};

use crate::{
    history::History,
    operator::Operator,
    settings::Settings,
    snapshot::{Query, Snapshot, Snapshots},
    view::Fills,
};

/// What a console shows, and its settings.
#[derive(Clone)]
pub(crate) struct State {
    pub(crate) connections: Connections,
    pub(crate) history: Arc<History>,
    pub(crate) snapshots: Snapshots,
    pub(crate) settings: Arc<Settings>,
}

impl State {
    pub(crate) async fn snapshot(&self, query: &Query) -> Option<Arc<Snapshot>> {
        let Settings { mask, interval, .. } = &*self.settings;
        self.snapshots.latest(&self.connections, mask, *interval, query).await
    }

    /// The names of the actions that an operator may take.
    pub(crate) fn may(&self, operator: &Operator) -> Vec<&'static str> {
        if !self.settings.actions || operator.is_read_only() {
            return Vec::new();
        }
        #[cfg_attr(not(any(feature = "jwt", feature = "liveness")), expect(unused_mut, reason = "there is no more"))]
        let mut may = vec!["close"];
        #[cfg(feature = "jwt")]
        if self.settings.revocations.is_some() {
            may.push("revoke");
        }
        #[cfg(feature = "liveness")]
        if self.settings.drain.is_some() {
            may.push("drain");
        }
        may
    }

    /// The limits that a connection counts against.
    pub(crate) fn fills(&self, connection: &Connection) -> Vec<Fills> {
        #[cfg(feature = "connections")]
        {
            let of_layer = |(name, layer): &(Arc<str>, portcullis_connections::ConnectionLimitLayer)| {
                let fills = layer.occupancy_of(connection).into_iter().filter_map(|limit| {
                    Some(Fills {
                        name: name.to_string(),
                        scope: limit.scope.as_str(),
                        live: limit.live?,
                        max: limit.max,
                    })
                });
                fills.collect::<Vec<_>>()
            };
            self.settings.limits.iter().flat_map(of_layer).collect()
        }
        #[cfg(not(feature = "connections"))]
        {
            let _ = connection;
            Vec::new()
        }
    }
}
