//! Whether a server has gone without a drain.

use std::sync::Arc;

use portcullis_core::observe;

use super::state::State;

/// Held by all layers and services of a drain: when it is dropped, nothing serves any more.
#[derive(Debug)]
pub(super) struct Served(pub(super) Arc<State>);

impl Drop for Served {
    fn drop(&mut self) {
        let Self(state) = self;
        if !state.is_started() && state.connections.count() > 0 {
            observe::warn_once(
                "a server with a `DrainLayer` has ended with connections alive, and was not drained: await \
                 `Drain::start`, or give `Drain::on` to axum's `with_graceful_shutdown`",
            );
        }
    }
}
