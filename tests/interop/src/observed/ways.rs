//! Every way in which a handshake, a connection and a frame can end.

use std::time::Duration;

use axum::{Router, body::Body};
use portcullis_connections::{ConnectionLimitLayer, HandshakeRateLayer};
use portcullis_core::{CloseCode, CloseFrame, Connection, GuardLayer, PolicyLayer, policy::Action};
use portcullis_origin::OriginLayer;
use portcullis_rate_limit::{Excess, MessageRateLayer};
use tokio::time::sleep;
use tower::{ServiceExt, service_fn};
use tower_layer::Layer;

use super::{Later, ask_in_vain, gated, open, registered, routes, talk};
use crate::pipe::{Client, Seen, ask, closed, status, text};

/// The header of a page that [`ours`] refuses.
pub const EVIL: &str = "origin: https://evil.example\r\n";

/// Admits the pages of one site.
pub fn ours() -> OriginLayer {
    OriginLayer::new(["https://ours.example"]).unwrap()
}

/// Two messages at once, and one per second.
pub fn rate(excess: Excess) -> MessageRateLayer {
    MessageRateLayer::per_second(1).burst(2).on_excess(excess)
}

/// Runs a client against routes, and waits until their connections have ended.
pub async fn with(routes: Router, client: impl AsyncFnOnce(&Router)) {
    let (app, connections) = registered(routes);
    client(&app).await;
    connections.wait_until_empty().await;
}

/// Sends messages to routes, and returns how the connection ended.
pub async fn last(routes: Router, words: &[&str]) -> Option<Seen> {
    let mut seen = Vec::new();
    with(routes, async |app| seen = talk(app, words).await).await;
    seen.pop().unwrap()
}

/// Runs an action on a connection after five seconds.
fn later(action: Action) -> PolicyLayer<impl Fn(&http::request::Parts, &Connection) -> Later> {
    PolicyLayer::new(move |_: &http::request::Parts, _: &Connection| Later::new(Duration::from_secs(5), action.clone()))
}

/// Every way in which a handshake ends.
pub async fn handshakes() {
    for origins in [ours(), ours().report_only()] {
        with(routes().layer(origins), async |app| drop(ask(app, "/", EVIL).await)).await;
    }
    with(routes().layer(ConnectionLimitLayer::new().global(1)), async |app| {
        let _first = open(app).await;
        assert_eq!(status(app, "/", "").await, 503);
    })
    .await;
    let once = HandshakeRateLayer::per_second(1);
    for layer in [once.clone(), once.report_only()] {
        with(routes().layer(layer), async |app| {
            drop(ask(app, "/", "").await);
            drop(ask(app, "/", "").await);
        })
        .await;
    }
    with(routes(), async |app| assert_eq!(status(app, "/missing", "").await, 404)).await;
    for target in ["/never", "/panic", "/"] {
        with(routes(), async |app| drop(ask_in_vain(app.clone(), target).await)).await;
    }
    let failing = service_fn(async |_| Err::<http::Response<String>, _>(std::io::Error::other("as asked")));
    assert_eq!(ask_in_vain(GuardLayer::new().layer(failing), "/").await, "");
}

/// Every way in which a plain request ends that a layer judges.
pub async fn plain_requests() {
    for origins in [ours().plain_requests(), ours().plain_requests().report_only()] {
        let request = http::Request::post("/").header("origin", "https://evil.example").body(Body::empty()).unwrap();
        drop(routes().layer(origins).oneshot(request).await);
    }
}

/// Every way in which a connection ends.
pub async fn connections() {
    with(routes(), async |app| drop(open(app).await)).await;
    with(routes(), async |app| {
        let mut peer = open(app).await;
        peer.send_bytes(&[0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8]).await.unwrap();
        assert_eq!(peer.next().await, closed(1000, ""));
    })
    .await;
    assert_eq!(last(routes(), &["bye"]).await, closed(1000, ""));
    assert_eq!(last(routes(), &["err"]).await, closed(4321, "as asked"));
    assert_eq!(last(routes(), &["panic"]).await, closed(1011, "internal error"));
    assert_eq!(last(gated(), &["sesame"]).await, closed(3000, "wrong word"));
    assert_eq!(last(routes().layer(later(Action::Abort)), &[]).await, None);
    let enough = CloseFrame::new(CloseCode::new(3999).unwrap(), "enough");
    assert_eq!(last(routes().layer(later(Action::Close(enough))), &[]).await, closed(3999, "enough"));
}

/// Every action of policies on frames.
pub async fn frames() {
    with(routes(), async |app| {
        let mut peer = open(app).await;
        peer.send_bytes(&[0x81, 0x00]).await.unwrap();
        assert_eq!(peer.next().await, closed(1002, "client frame is not masked"));
    })
    .await;
    let excess = closed(1008, "message rate exceeded");
    assert_eq!(last(routes().layer(rate(Excess::Close)), &["1", "2", "3"]).await, excess);
    with(routes().layer(rate(Excess::Drop)), async |app| {
        let mut peer = open(app).await;
        for word in ["1", "2", "dropped", "dropped", "dropped"] {
            peer.send_text(word).await.unwrap();
        }
        sleep(Duration::from_secs(5)).await;
        peer.send_text("bye").await.unwrap();
        for seen in [text("1"), text("2"), closed(1000, "")] {
            assert_eq!(peer.next().await, seen);
        }
    })
    .await;
    for layer in [rate(Excess::Delay), rate(Excess::Close).report_only()] {
        assert_eq!(last(routes().layer(layer), &["1", "2", "3", "4", "bye"]).await, closed(1000, ""));
    }
    with(routes().layer(later(Action::Ping)), ping).await;
}

async fn ping(app: &Router) {
    let mut peer: Client = open(app).await;
    let Some(Seen::Ping(payload)) = peer.next().await else { panic!("it pings") };
    sleep(Duration::from_millis(20)).await;
    let length = u8::try_from(payload.len()).unwrap();
    peer.send_bytes(&[&[0x8a, 0x80 | length, 0, 0, 0, 0], payload.as_slice()].concat()).await.unwrap();
    peer.send_text("bye").await.unwrap();
    assert_eq!(peer.next().await, closed(1000, ""));
}
