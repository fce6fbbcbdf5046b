//! What the guarded server has and the bare one has not: these layers.

use axum::Router;
use portcullis_core::GuardLayer;
use portcullis_origin::OriginLayer;
use portcullis_rate_limit::MessageRateLayer;

use crate::{Result, server::Routes, tokens};

/// Puts the layers around an application. A layer added later is further out.
pub(crate) fn guard(routes: Routes) -> Result<Router> {
    let app = routes.open.merge(tokens::guarded(routes.private, routes.first)?);
    let app = app.layer(MessageRateLayer::per_second(20).burst(40));
    Ok(app.layer(OriginLayer::new(["https://chat.example"])?).layer(GuardLayer::new()))
}
