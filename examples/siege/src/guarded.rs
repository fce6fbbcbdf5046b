//! What the guarded server has and the bare one has not: these layers.

use axum::{Router, extract::Request, middleware::map_request};
use portcullis_core::{GuardLayer, identity::Subject};
use portcullis_origin::OriginLayer;
use portcullis_rate_limit::{ByteQuota, MessageRateLayer};

use crate::{Result, server::Routes, tokens};

/// Puts the layers around an application. A layer added later is further out.
pub(crate) fn guard(routes: Routes) -> Result<Router> {
    let rate = MessageRateLayer::per_second(20).burst(40);
    let app = routes.open.merge(tokens::guarded(routes.private, routes.first)?).layer(rate.clone());
    let user = routes.user.layer(rate.per_subject().byte_quota(ByteQuota::per_second(250_000).allow_burst(500_000)));
    let app = app.merge(user.layer(map_request(identify)));
    Ok(app.layer(OriginLayer::new(["https://chat.example"])?).layer(GuardLayer::new()))
}

/// A session cookie or a token would say; here the query does.
async fn identify(mut request: Request) -> Request {
    if let Some(name) = request.uri().query().and_then(|query| query.strip_prefix("name=")) {
        let subject = Subject::new(name);
        request.extensions_mut().insert(subject);
    }
    request
}
