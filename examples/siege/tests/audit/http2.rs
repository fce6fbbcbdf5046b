//! Servers on axum, which speak HTTP/2 as well.

use std::net::SocketAddr;

use axum::{
    Router,
    extract::ws::{WebSocket, WebSocketUpgrade},
    http::{HeaderMap, StatusCode},
    response::IntoResponse,
    routing::any,
};
use siege::audit::{Plan, Report, Verdict};

use crate::{
    server::OWN,
    verdicts::{tokens, words},
};

/// A server that looks at origin and token, or only where the handshake is one of HTTP/1.1.
async fn start(good: String, careful: bool) -> SocketAddr {
    let check = move |headers: HeaderMap, upgrade: WebSocketUpgrade| {
        let is = |name: &str, wanted: &str| headers.get(name).is_some_and(|value| value == wanted);
        let own = is("origin", OWN) && is("cookie", &format!("session={good}"));
        let looks = careful || headers.contains_key("upgrade");
        let response = if looks && !own { StatusCode::FORBIDDEN.into_response() } else { upgrade.on_upgrade(echo) };
        async move { response }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/ws", any(check))).await });
    address
}

async fn echo(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        if socket.send(message).await.is_err() {
            return;
        }
    }
}

fn response_of(report: &Report) -> Vec<(Verdict, String)> {
    report.findings().into_iter().map(|finding| (finding.verdict(), finding.saw().to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn checks_of_one_version_of_http_alone_are_found() {
    for (careful, expected) in [(true, Verdict::Stopped), (false, Verdict::Through)] {
        let tokens = tokens();
        let address = start(tokens.good[0].clone(), careful).await;
        let words = words(&format!("ws://{address}/ws"), &tokens, "--only|over HTTP/2");
        let plan = Plan::parse(&words).unwrap();
        let report = tokio::task::spawn_blocking(|| Report::of(plan, |_| {}).unwrap()).await.unwrap();
        let found = response_of(&report);
        assert_eq!(found.len(), 2);
        assert!(found.iter().all(|(verdict, _)| *verdict == expected), "careful: {careful}: {found:?}");
    }
}
