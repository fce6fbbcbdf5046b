//! Checks the table in the README: what clients see.
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

/// Starts a server that trusts these proxies.
async fn serve(trusted: &[IpAddr]) -> SocketAddr {
    let (listener, server) = listen().await;
    let listener = ProxyListener::new(listener, trusted.iter().copied()).unwrap().tap_io(|_| {});
    let app = app().into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    server
}

/// The header that a proxy sends for a client.
fn header(client: &str) -> Vec<u8> {
    let client = SocketAddr::new(client.parse().unwrap(), 4711);
    let server =
        SocketAddr::new(if client.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() }, 3000);
    let header = ProxyHeader::with_address(ProxiedAddress::stream(client, server));
    let mut bytes = Vec::new();
    header.encode_v2(&mut bytes).unwrap();
    bytes
}

/// Connects and sends `bytes`.
async fn connect(server: SocketAddr, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(server).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    stream
}

async fn open(server: SocketAddr, bytes: &[u8]) -> Result<Client, String> {
    Client::connect_over(connect(server, bytes).await, "ws://localhost/ws", &[]).await
}

/// The status of the response to these bytes.
async fn status(server: SocketAddr, bytes: &[u8]) -> String {
    let mut response = String::new();
    match connect(server, bytes).await.read_to_string(&mut response).await {
        Ok(0) | Err(_) => "the connection is closed".to_owned(),
        Ok(_) => response.split(' ').nth(1).unwrap().to_owned(),
    }
}

#[tokio::test]
async fn clients_see_what_the_readme_says() {
    let behind = serve(&[Ipv4Addr::LOCALHOST.into()]).await;
    let mut table = Table::new();

    let mut client = open(behind, &header("203.0.113.7")).await.unwrap();
    table.row("connects through the proxy, from 203.0.113.7", format!("\"{}\"", client.request("hello").await));
    let _second = open(behind, &header("203.0.113.7")).await.unwrap();
    let third = open(behind, &header("203.0.113.7")).await.err().unwrap();
    table.row("opens a third connection from the same address", third);
    let mut other = open(behind, &header("2001:db8::7")).await.unwrap();
    table.row("connects through the proxy, from another address", format!("\"{}\"", other.request("hello").await));
    let request = b"GET /ws HTTP/1.1\r\nhost: localhost\r\n\r\n";
    table.row("connects through a proxy that sends no header", status(behind, request).await);
    let began = Instant::now();
    assert_eq!(status(behind, &header("203.0.113.7")[..10]).await, "the connection is closed");
    assert!(began.elapsed() >= Duration::from_secs(5), "{:?}", began.elapsed());
    table.row("connects through a proxy that stops within the header", "the connection is closed after 5 s");

    let open_to_all = serve(&[]).await;
    let forged = [&header("203.0.113.7"), &request[..]].concat();
    table.row("is not a trusted proxy, but sends a header", status(open_to_all, &forged).await);
    let mut direct = open(open_to_all, b"").await.unwrap();
    table.row("connects without a proxy", format!("\"{}\"", direct.request("hello").await));
    table.assert_in(include_str!("../README.md"));
}
