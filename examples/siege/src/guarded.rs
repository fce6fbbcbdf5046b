//! What the guarded server has and the bare one has not: these layers.

use axum::Router;
use portcullis_core::GuardLayer;
use portcullis_rate_limit::MessageRateLayer;

/// Puts the layers around an application. A layer added later is further out.
pub(crate) fn guard(app: Router) -> Router {
    app.layer(MessageRateLayer::per_second(20).burst(40)).layer(GuardLayer::new())
}
