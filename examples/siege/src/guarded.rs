//! What the guarded server has and the bare one has not: these layers.

use std::time::Duration;

use axum::{Router, extract::Request, middleware::map_request};
use portcullis_close::CloseLayer;
use portcullis_connections::{ClientIpLayer, ConnectionLimitLayer, Limit};
use portcullis_core::{GuardLayer, identity::Subject, settings::Closing};
use portcullis_liveness::{IdleTimeoutLayer, KeepAliveLayer, MessageSizeLayer, WriteTimeoutLayer};
use portcullis_origin::OriginLayer;
use portcullis_rate_limit::{ByteQuota, Excess, MessageRateLayer, Quota};

use crate::{Result, beside, deploy, page::OWN, server::Routes, tokens};

/// Puts the layers around an application. A layer added later is further out.
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

/// What stands around all other layers. The guard's settings count only where it is the outermost of those that guard.
fn outermost(app: Router) -> Router {
    // Scaled down from five seconds, as all times are here.
    let closing = Closing::new().timeout(Duration::from_secs(1));
    app.layer(CloseLayer::new()).layer(GuardLayer::new().closing(closing))
}

/// Routes with a few seats for each client, or each user.
fn few(seat: Router, proxied: Router, session: Router) -> Result<Router> {
    let seats = || ConnectionLimitLayer::new().per_client_ip(5);
    let sessions = ConnectionLimitLayer::new().per_subject(Limit::new(2).evict_oldest());
    let direct = seat.layer(seats()).layer(ClientIpLayer::new());
    let proxied = proxied.layer(seats()).layer(ClientIpLayer::new().trust(["127.0.0.1"])?);
    Ok(direct.merge(proxied).merge(session.layer(sessions).layer(map_request(identify))))
}

/// Routes whose clients must show that they are there, say something, read, and come to the end of their messages.
fn live(alive: Router, idle: Router, feed: Router, sized: Router) -> Router {
    alive
        .merge(idle.layer(IdleTimeoutLayer::new(Duration::from_secs(1))))
        .layer(pings())
        .merge(feed.layer(WriteTimeoutLayer::new(Duration::from_millis(500))))
        .merge(sized.layer(MessageSizeLayer::new(64 * 1024).timeout(Duration::from_secs(1))))
}

/// A feed with fifty seats, whose clients must read.
fn shut(feed: Router) -> Router {
    let seats = ConnectionLimitLayer::new().global(50);
    feed.layer(WriteTimeoutLayer::new(Duration::from_millis(500))).layer(seats)
}

fn pings() -> KeepAliveLayer {
    KeepAliveLayer::new().interval(Duration::from_millis(400)).timeout(Duration::from_millis(800))
}

/// A route whose clients have a thousand messages in common, which hardly come back, and a few each.
fn common(shared: Router) -> Result<Router> {
    let all = MessageRateLayer::new(slowest()?).burst(1000).global();
    Ok(shared.layer(MessageRateLayer::per_second(5)).layer(all))
}

/// A route behind a proxy, whose clients have a message an hour each. There is room for a thousand of them, scaled down
/// from a million.
fn crowded(many: Router) -> Result<Router> {
    // A quota of governor's, as a server may have it already.
    let hourly = governor::Quota::with_period(Duration::from_hours(1)).ok_or("an hour is a period")?;
    let each = MessageRateLayer::new(hourly).per_client_ip().max_keys(1024);
    Ok(many.layer(each).layer(ClientIpLayer::new().trust(["127.0.0.1"])?))
}

/// A route with one seat, where a client that says more than it may is read slowly.
fn slow(delayed: Router) -> Result<Router> {
    let pace = MessageRateLayer::new(slowest()?).on_excess(Excess::Delay);
    Ok(delayed.layer(pace).layer(pings()).layer(ConnectionLimitLayer::new().global(1)))
}

/// So slow that no attack lives to see a second message, and not so slow that to wait for it closes.
fn slowest() -> Result<Quota> {
    Ok(Quota::with_period(Duration::from_secs(20)).ok_or("twenty seconds are a period")?)
}

/// A session cookie or a token would say; here the query does.
async fn identify(mut request: Request) -> Request {
    if let Some(name) = request.uri().query().and_then(|query| query.strip_prefix("name=")) {
        let subject = Subject::new(name);
        request.extensions_mut().insert(subject);
    }
    request
}
