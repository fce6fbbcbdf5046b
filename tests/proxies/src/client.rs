//! A client with its own address.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpSocket,
};
use visitor::Client;

use crate::{certificate::Certificate, front::Front};

/// The address of clients: on this machine, but different from the proxy's.
pub const CLIENT: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// The address that a client claims.
pub const FORGED: &str = "203.0.113.66";

/// Bytes in both directions.
pub trait Io: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

/// Connects to a proxy with a forged header.
pub async fn open(front: Front, proxy: SocketAddr, certificate: &Certificate) -> Client<Box<dyn Io>> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((CLIENT, 0).into()).unwrap();
    let stream = socket.connect(proxy).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let stream: Box<dyn Io> = if front.has_tls() {
        Box::new(certificate.connector().connect("localhost".try_into().unwrap(), stream).await.unwrap())
    } else {
        Box::new(stream)
    };
    Client::connect_over(stream, "ws://localhost/ws", &[("x-forwarded-for", FORGED)]).await.unwrap()
}
