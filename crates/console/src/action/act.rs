//! Carries out an action and reports its outcome.

use std::borrow::Cow;

use http::StatusCode;
use portcullis_core::shared::Broadcast;
use serde::Serialize;

use crate::{operator::Operator, route::Act, state::State};

/// The outcome of an action.
#[derive(Debug, Serialize)]
pub(crate) struct Outcome {
    /// How many connections of this node are closed.
    pub(super) closed: usize,
    /// Whether the action was passed on to the other nodes; absent if there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) notified: Option<bool>,
}

/// Why nothing was done.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) status: StatusCode,
    pub(crate) error: Cow<'static, str>,
}

impl Failed {
    pub(crate) fn new(status: StatusCode, error: impl Into<Cow<'static, str>>) -> Self {
        Self { status, error: error.into() }
    }

    pub(super) fn unknown() -> Self {
        Self::new(StatusCode::NOT_FOUND, "no such connection on this node")
    }
}

/// Carries out an action, if this operator may.
pub(crate) async fn act(state: &State, operator: &Operator, act: Act, body: &[u8]) -> Result<Outcome, Failed> {
    if !state.settings.actions || operator.is_read_only() {
        return Err(Failed::new(StatusCode::FORBIDDEN, "this console is read-only"));
    }
    match act {
        Act::Close => super::close::close(state, operator, body).await,
        #[cfg(feature = "jwt")]
        Act::Revoke => super::revoke::revoke(state, operator, body).await,
        #[cfg(feature = "liveness")]
        Act::Drain => super::drain::drain(state, operator, body),
        #[cfg(not(all(feature = "jwt", feature = "liveness")))]
        _ => Err(Failed::new(StatusCode::NOT_FOUND, "this server does not support this action")),
    }
}

/// The action was carried out on this node. If there are other nodes, waits until the store has accepted it for them.
pub(super) async fn outcome(shared: bool, broadcast: Broadcast) -> Outcome {
    let closed = broadcast.here();
    let notified = broadcast.await.is_ok();
    Outcome { closed, notified: shared.then_some(notified) }
}
