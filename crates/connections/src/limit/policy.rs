//! Permits for what is known of a connection only after its handshake.

use std::sync::Arc;

use portcullis_core::{
    CloseCode, CloseFrame, Connection,
    identity::Subject,
    policy::{Action, Batch, BatchVerdict, Policy},
};
use tokio::runtime::Handle;

use super::{
    layer::Limit,
    pool::{Key, Permit},
};

/// Waits for the subject of a connection that came in without one.
pub(crate) struct Late {
    pub(crate) permit: Arc<Permit<Connection>>,
    pub(crate) connection: Connection,
    pub(crate) limit: Option<Limit>,
    pub(crate) report_only: bool,
}

impl Policy for Late {
    fn on_batch(&mut self, _: &Batch, _: std::time::Instant) -> BatchVerdict {
        BatchVerdict::Pass
    }

    fn on_authenticated(&mut self, subject: &Subject) -> Action {
        self.permit.leave(&Key::Unauthenticated);
        let Some(limit) = self.limit else { return Action::None };
        match self.permit.join(Key::Subject(subject.clone()), limit, &self.connection) {
            Ok(evicted) => {
                // This is asked while the connection is locked: two that evict each other must not wait for each other.
                if let (Ok(runtime), false) = (Handle::try_current(), self.report_only) {
                    runtime.spawn(async move { evict(&evicted) });
                }
                Action::None
            }
            Err(_) if self.report_only => Action::None,
            Err(_) => Action::Close(CloseFrame::new(CloseCode::POLICY_VIOLATION, "too many connections")),
        }
    }
}

/// A code that clients do not retry: two tabs would evict each other for ever.
pub(crate) fn evict(connections: &[Connection]) {
    for connection in connections {
        connection.close(CloseFrame::new(CloseCode::POLICY_VIOLATION, "replaced by a newer connection"));
    }
}
