//! What README says that clients see.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use axum::serve::ListenerExt;
use proxy_header::{ProxiedAddress, ProxyHeader};
use proxy_protocol::{ProxyListener, app};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::Instant,
};
use visitor::{Client, Table, listen};

/// A server that trusts these proxies.
async fn serve(trusted: &[IpAddr]) -> SocketAddr {
    let (listener, server) = listen().await;
    let listener = ProxyListener::new(listener, trusted.iter().copied()).unwrap().tap_io(|_| {});
    let app = app().into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    server
}

/// What a proxy says of a client.
fn header(client: &str) -> Vec<u8> {
    let client = SocketAddr::new(client.parse().unwrap(), 4711);
    let server =
        SocketAddr::new(if client.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() }, 3000);
    let header = ProxyHeader::with_address(ProxiedAddress::stream(client, server));
    let mut bytes = Vec::new();
    header.encode_v2(&mut bytes).unwrap();
    bytes
}

/// Connects, beginning with some bytes.
async fn begin(server: SocketAddr, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(server).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    stream
}

async fn open(server: SocketAddr, bytes: &[u8]) -> Result<Client, String> {
    Client::over(begin(server, bytes).await, "ws://localhost/ws", &[]).await
}

/// What the server says to these bytes, up to the end.
async fn answer(server: SocketAddr, bytes: &[u8]) -> String {
    let mut answer = String::new();
    match begin(server, bytes).await.read_to_string(&mut answer).await {
        Ok(0) | Err(_) => "the connection ends".to_owned(),
        Ok(_) => answer.split(' ').nth(1).unwrap().to_owned(),
    }
}

#[tokio::test]
async fn clients_see_what_readme_says() {
    let behind = serve(&[Ipv4Addr::LOCALHOST.into()]).await;
    let mut table = Table::new();

    let mut client = open(behind, &header("203.0.113.7")).await.unwrap();
    table.row("comes by the proxy, from 203.0.113.7", format!("\"{}\"", client.asks("hello").await));
    let _second = open(behind, &header("203.0.113.7")).await.unwrap();
    let third = open(behind, &header("203.0.113.7")).await.err().unwrap();
    table.row("comes a third time, from the same address", third);
    let mut other = open(behind, &header("2001:db8::7")).await.unwrap();
    table.row("comes by the proxy, from another", format!("\"{}\"", other.asks("hello").await));
    let request = b"GET /ws HTTP/1.1\r\nhost: localhost\r\n\r\n";
    table.row("comes by the proxy, which says nothing of it", answer(behind, request).await);
    let began = Instant::now();
    assert_eq!(answer(behind, &header("203.0.113.7")[..10]).await, "the connection ends");
    assert!(began.elapsed() >= Duration::from_secs(5), "{:?}", began.elapsed());
    table.row("comes by a proxy that stops in its header", "the connection ends after 5 s");

    let open_to_all = serve(&[]).await;
    let forged = [&header("203.0.113.7"), &request[..]].concat();
    table.row("is no proxy of ours, and says that it is one", answer(open_to_all, &forged).await);
    let mut direct = open(open_to_all, b"").await.unwrap();
    table.row("comes without a proxy", format!("\"{}\"", direct.asks("hello").await));
    table.stands_in(include_str!("../README.md"));
}
