//! The layers of the guarded server, which the bare one does not have.

use std::time::Duration;

use axum::{Router, extract::Request, middleware::map_request};
use portcullis_close::CloseLayer;
use portcullis_connections::{ClientIpLayer, ConnectionLimitLayer, Limit};
use portcullis_core::{GuardLayer, identity::Subject, settings::Closing};
use portcullis_liveness::{IdleTimeoutLayer, KeepAliveLayer, MessageSizeLayer, WriteTimeoutLayer};
use portcullis_origin::OriginLayer;
use portcullis_rate_limit::{ByteQuota, Excess, MessageRateLayer, Quota};

use crate::{Result, beside, deploy, page::OWN, server::Routes, tokens};

/// Adds the layers to an application. A layer added later is further out.
pub(crate) fn guard(routes: Routes) -> Result<Router> {
    let rate = MessageRateLayer::per_second(20).burst(40);
    let app = routes.open.merge(tokens::guarded(routes.private, routes.first)?).layer(rate.clone());
    let user = routes.user.layer(rate.per_subject().byte_quota(ByteQuota::per_second(250_000).allow_burst(500_000)));
    let app = app.merge(user.layer(map_request(identify))).merge(few(routes.seat, routes.proxied, routes.session)?);
    let app = app.merge(live(routes.alive, routes.idle, routes.feed, routes.sized));
    let app = app.merge(beside::guarded()?).merge(shut(routes.shut)).merge(crowded(routes.many)?);
    let app = app.merge(common(routes.shared)?).merge(slow(routes.delayed)?);
    let drain = deploy::drain();
    let deployed = outermost(routes.deployed.layer(drain.layer()));
    Ok(outermost(app.layer(OriginLayer::new([OWN])?)).merge(deploy::routes(deployed, Some(drain))))
}

/// The outermost layers. The settings of `GuardLayer` apply only if it is the outermost guarding layer.
fn outermost(app: Router) -> Router {
    // Scaled down from five seconds, like all times here.
    let closing = Closing::new().timeout(Duration::from_secs(1));
    app.layer(CloseLayer::new()).layer(GuardLayer::new().closing(closing))
}

/// Routes with few connections per client or per user.
fn few(seat: Router, proxied: Router, session: Router) -> Result<Router> {
    let seats = || ConnectionLimitLayer::new().per_client_ip(5);
    let sessions = ConnectionLimitLayer::new().per_subject(Limit::new(2).evict_oldest());
    let direct = seat.layer(seats()).layer(ClientIpLayer::new());
    let proxied = proxied.layer(seats()).layer(ClientIpLayer::new().trust(["127.0.0.1"])?);
    Ok(direct.merge(proxied).merge(session.layer(sessions).layer(map_request(identify))))
}

/// Routes whose clients must answer pings, send messages, read, and finish their messages.
fn live(alive: Router, idle: Router, feed: Router, sized: Router) -> Router {
    alive
        .merge(idle.layer(IdleTimeoutLayer::new(Duration::from_secs(1))))
        .layer(pings())
        .merge(feed.layer(WriteTimeoutLayer::new(Duration::from_millis(500))))
        .merge(sized.layer(MessageSizeLayer::new(64 * 1024).timeout(Duration::from_secs(1))))
}

/// A feed for fifty connections, whose clients must read.
fn shut(feed: Router) -> Router {
    let seats = ConnectionLimitLayer::new().global(50);
    feed.layer(WriteTimeoutLayer::new(Duration::from_millis(500))).layer(seats)
}

fn pings() -> KeepAliveLayer {
    KeepAliveLayer::new().interval(Duration::from_millis(400)).timeout(Duration::from_millis(800))
}

/// A route whose clients share a thousand messages, which are hardly replenished, and have a few each.
fn common(shared: Router) -> Result<Router> {
    let all = MessageRateLayer::new(slowest()?).burst(1000).global();
    Ok(shared.layer(MessageRateLayer::per_second(5)).layer(all))
}

/// A route behind a proxy, whose clients may send a message an hour each. The table has room for a thousand of them,
/// scaled down from a million.
fn crowded(many: Router) -> Result<Router> {
    // A quota of governor, as a server may already use it.
    let hourly = governor::Quota::with_period(Duration::from_hours(1)).ok_or("an hour is a period")?;
    let each = MessageRateLayer::new(hourly).per_client_ip().max_keys(1024);
    Ok(many.layer(each).layer(ClientIpLayer::new().trust(["127.0.0.1"])?))
}

/// A route for one connection, where a client that exceeds its quota is delayed.
fn slow(delayed: Router) -> Result<Router> {
    let pace = MessageRateLayer::new(slowest()?).on_excess(Excess::Delay);
    Ok(delayed.layer(pace).layer(pings()).layer(ConnectionLimitLayer::new().global(1)))
}

/// So slow that no attack gets a second message, but not so slow that waiting for it closes the connection.
fn slowest() -> Result<Quota> {
    Ok(Quota::with_period(Duration::from_secs(20)).ok_or("twenty seconds are a period")?)
}

/// Identifies the user by the query, in place of a session cookie or a token.
async fn identify(mut request: Request) -> Request {
    if let Some(name) = request.uri().query().and_then(|query| query.strip_prefix("name=")) {
        let subject = Subject::new(name);
        request.extensions_mut().insert(subject);
    }
    request
}
