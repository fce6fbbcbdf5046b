//! For each proxy: close codes arrive, addresses are right, and the handler of a client that does not read is freed.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use portcullis::{CloseCode, CloseFrame};
use proxies::{
    certificate::Certificate,
    client::{CLIENT, open},
    front::Front,
    server::Server,
};
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_mins(1);

async fn passes(front: Front) {
    let certificate = Certificate::default();
    let mut server = Server::start(front, &certificate).await;
    let proxy = front.start(server.address, &certificate).await;
    let open = async || open(front, proxy.address, &certificate).await;

    let mut client = open().await;
    let version = if front == Front::HaproxyHttp2Behind { "HTTP/2.0" } else { "HTTP/1.1" };
    assert_eq!(client.request("where am I").await, format!("{CLIENT}, by {version}"));
    client.send_many("now!", 100).await;
    assert_eq!(client.closed().await, "1008 message rate exceeded");
    drop(client);

    let mut kicked = open().await;
    assert_eq!(kicked.request("hello").await, "hello");
    let frame = CloseFrame::new(CloseCode::new(4001).unwrap(), "kicked");
    server.connections().close_where(&frame, |_| true);
    assert_eq!(kicked.closed().await, "4001 kicked");
    drop(kicked);

    let mut deaf = open().await;
    deaf.send_text("news").await;
    timeout(PATIENCE, server.freed.recv()).await.expect("the handler is freed").unwrap();
    drop(deaf);
    timeout(PATIENCE, server.connections().wait_until_empty()).await.expect("everything is freed");

    let mut last = open().await;
    assert_eq!(last.request("hello").await, "hello");
    let (drained, closed) = tokio::join!(server.drain.start(), async {
        let closed = last.closed().await;
        drop(last);
        closed
    });
    assert_eq!(closed, "1012 service restarts");
    assert!(drained.is_clean(), "{drained}");
}

macro_rules! fronts {
    ($($test:ident: $front:ident),+ $(,)?) => {
        $(
            #[tokio::test]
            async fn $test() {
                passes(Front::$front).await;
            }
        )+
    };
}

fronts! {
    nginx: Nginx,
    nginx_with_tls_in_front: NginxTlsInFront,
    nginx_with_tls_behind: NginxTlsBehind,
    haproxy: Haproxy,
    haproxy_with_tls_in_front: HaproxyTlsInFront,
    haproxy_with_tls_behind: HaproxyTlsBehind,
    haproxy_with_http_2_behind: HaproxyHttp2Behind,
    haproxy_with_the_proxy_protocol: HaproxyTcp,
}
