//! Permits for what is known of a connection only after its handshake.

use std::sync::Arc;

use portcullis_core::{
    CloseCode, CloseFrame, Connection,
    identity::Subject,
    policy::{Action, Policy},
};

use super::{
    capacity::Limit,
    permits::{Evicted, Key, Permit},
};

/// Waits for the subject of a connection that came in without one.
pub(crate) struct Late {
    pub(crate) permit: Arc<Permit<Connection>>,
    pub(crate) connection: Connection,
    pub(crate) limit: Option<Limit>,
    pub(crate) report_only: bool,
}

impl Policy for Late {
    fn name(&self) -> &'static str {
        "connection_limit"
    }

    fn watches_input(&self) -> bool {
        false
    }

    fn on_authenticated(&mut self, subject: &Subject) -> Action {
        self.permit.leave(&Key::Unauthenticated);
        let Some(limit) = self.limit else { return Action::None };
        match self.permit.join(Key::Subject(subject.clone()), limit, &self.connection) {
            Ok(evicted) => {
                if !self.report_only {
                    evict(evicted);
                }
                Action::None
            }
            Err(_) if self.report_only => Action::None,
            Err(_) => Action::Close(CloseFrame::new(CloseCode::POLICY_VIOLATION, "too many connections")),
        }
    }
}

/// With a code that clients do not retry: two tabs would evict each other for ever. From tasks: who asks may be locked,
/// and of two that evict each other neither must wait.
pub(crate) fn evict(evicted: Evicted<Connection>) {
    for connection in evicted.closing {
        connection.close_soon(CloseFrame::new(CloseCode::POLICY_VIOLATION, "replaced by a newer connection"));
    }
    for connection in evicted.aborted {
        connection.abort_soon();
    }
}
