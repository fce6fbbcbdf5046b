//! Checks the table in the README: what clients see.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{net::SocketAddr, sync::Arc};

use mtls::{
    Server,
    authority::{Authority, Identity},
};
use tokio::net::TcpStream;
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{ClientConfig, RootCertStore, crypto::ring},
};
use visitor::{Client, Table, listen};

type Socket = Client<TlsStream<TcpStream>>;

/// How clients connect: to which server, trusting which authority.
struct Site {
    server: SocketAddr,
    authority: Authority,
}

impl Site {
    async fn connect(&self, identity: Option<Identity>) -> TlsStream<TcpStream> {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.certificate().clone()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let config = config.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
        let config = match identity.map(Identity::into_parts) {
            Some((chain, key)) => config.with_client_auth_cert(chain, key).unwrap(),
            None => config.with_no_client_auth(),
        };
        let stream = TcpStream::connect(self.server).await.unwrap();
        TlsConnector::from(Arc::new(config)).connect("localhost".try_into().unwrap(), stream).await.unwrap()
    }

    async fn open(&self, identity: Option<Identity>) -> Result<Socket, String> {
        handshake(self.connect(identity).await).await
    }
}

async fn handshake(stream: TlsStream<TcpStream>) -> Result<Socket, String> {
    Client::connect_over(stream, "wss://localhost/ws", &[]).await
}

#[tokio::test]
async fn clients_see_what_the_readme_says() {
    let authority = Authority::new().unwrap();
    let identity = authority.issue("localhost", 1).unwrap().into_parts();
    let none = authority.revoke(&[]).unwrap();
    let running = Arc::new(Server::new(identity, authority.certificate(), none).unwrap());
    let (listener, server) = listen().await;
    tokio::spawn(running.clone().serve(listener));
    let site = Site { server, authority };
    let alice = || site.authority.issue("alice.example.com", 2).unwrap();
    let mut table = Table::new();

    let mut first = site.open(Some(alice())).await.unwrap();
    table.row("has a certificate and sends \"hello\"", format!("\"{}\"", first.request("hello").await));
    table.row("has none", site.open(None).await.err().unwrap());
    let stranger = Authority::new().unwrap().issue("alice.example.com", 2).unwrap();
    table.row("has one from another authority", site.open(Some(stranger)).await.err().unwrap());
    let mut second = site.open(Some(alice())).await.unwrap();
    let _third = site.open(Some(alice())).await.unwrap();
    table.row("has two connections and opens a third", format!("on the first: {}", first.closed().await));

    let idle = site.connect(Some(alice())).await;
    running.revoke(site.authority.revoke(&[&alice()]).unwrap(), "alice.example.com").unwrap();
    table.row("is connected when its certificate is revoked", second.closed().await);
    table.row("sends a handshake over an earlier TLS connection", handshake(idle).await.err().unwrap());
    table.row("reconnects with the revoked certificate", site.open(Some(alice())).await.err().unwrap());
    let mut bob = site.open(Some(site.authority.issue("bob.example.com", 3).unwrap())).await.unwrap();
    table.row("has a certificate that is not revoked", format!("\"{}\"", bob.request("hello").await));
    table.assert_in(include_str!("../README.md"));
}
