//! Clients of this server, in this process: visitors and attackers.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use axum::{Router, extract::Request, http::StatusCode, routing::post};
use futures_util::{SinkExt, StreamExt};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, sleep},
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, client::IntoClientRequest},
};

use crate::{Result, app::ORIGIN};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

const ATTACKER: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 9);

/// `POST /traffic` starts visitors for half a minute, `POST /attack` attackers for a quarter. Only our own page can do
/// so: a page of another site needs a CORS preflight to send the header.
pub(crate) fn routes(server: SocketAddr) -> Router {
    let visit = post(move |request: Request| async move { begin(&request, || visitors(server)) });
    let attack = post(move |request: Request| async move { begin(&request, || attackers(server)) });
    Router::new().route("/traffic", visit).route("/attack", attack)
}

fn begin(request: &Request, send: impl FnOnce()) -> StatusCode {
    if !request.headers().contains_key("x-page") {
        return StatusCode::FORBIDDEN;
    }
    send();
    StatusCode::ACCEPTED
}

fn visitors(server: SocketAddr) {
    for host in 1..=40 {
        tokio::spawn(async move {
            sleep(Duration::from_millis(fastrand::u64(..5000))).await;
            // The graphs show failures.
            let _shown = visit(server, Ipv4Addr::new(198, 51, 100, host)).await;
        });
    }
}

/// Sends messages now and then, and leaves in one of several ways.
async fn visit(server: SocketAddr, client: Ipv4Addr) -> Result<()> {
    let mut socket = open(server, client, ORIGIN).await?;
    let leaves = Instant::now() + Duration::from_secs(fastrand::u64(5..25));
    while Instant::now() < leaves {
        socket.send(Message::text("x".repeat(fastrand::usize(10..400)))).await?;
        let pause = sleep(Duration::from_millis(fastrand::u64(150..900)));
        tokio::pin!(pause);
        // Reading also answers pings.
        while let Some(read) = tokio::select! { read = socket.next() => Some(read), () = &mut pause => None } {
            read.ok_or("closed")??;
        }
    }
    match fastrand::u8(..10) {
        0 => drop(socket),
        1 => socket.send(Message::text("fail")).await?,
        _ => socket.close(None).await?,
    }
    Ok(())
}

fn attackers(server: SocketAddr) {
    repeat(300, move || async move { open(server, ATTACKER, "https://evil.example").await.map(drop) });
    repeat(900, move || flood(server));
    repeat(1300, move || malformed(server));
    repeat(1700, move || oversized(server));
    repeat(2500, move || hoard(server));
}

/// Repeats an attack for a quarter of a minute.
fn repeat<F: Future<Output = Result<()>> + Send + 'static>(pause: u64, attack: impl Fn() -> F + Send + 'static) {
    tokio::spawn(async move {
        let ends = Instant::now() + Duration::from_secs(15);
        while Instant::now() < ends {
            tokio::spawn(attack());
            sleep(Duration::from_millis(pause)).await;
        }
    });
}

async fn flood(server: SocketAddr) -> Result<()> {
    let mut socket = open(server, Ipv4Addr::new(203, 0, 113, 10), ORIGIN).await?;
    for _ in 0..200 {
        socket.feed(Message::text("flood")).await?;
    }
    socket.flush().await?;
    read_out(socket).await;
    Ok(())
}

async fn oversized(server: SocketAddr) -> Result<()> {
    let mut socket = open(server, Ipv4Addr::new(203, 0, 113, 11), ORIGIN).await?;
    socket.send(Message::binary(vec![0; 10_000])).await?;
    read_out(socket).await;
    Ok(())
}

/// Opens more connections than one client may have.
async fn hoard(server: SocketAddr) -> Result<()> {
    let mut sockets = Vec::new();
    for _ in 0..12 {
        sockets.extend(open(server, Ipv4Addr::new(203, 0, 113, 12), ORIGIN).await);
    }
    sleep(Duration::from_secs(4)).await;
    Ok(())
}

/// Sends an unmasked frame, which no library does.
async fn malformed(server: SocketAddr) -> Result<()> {
    let mut stream = TcpStream::connect(server).await?;
    let request = format!(
        "GET /ws HTTP/1.1\r\nhost: {server}\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
         sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nx-forwarded-for: 203.0.113.13\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    stream.write_all(&[0x81, 0x00]).await?;
    stream.read_to_end(&mut Vec::new()).await?;
    Ok(())
}

async fn open(server: SocketAddr, client: Ipv4Addr, origin: &str) -> Result<Socket> {
    let mut request = format!("ws://{server}/ws").into_client_request()?;
    request.headers_mut().insert("origin", origin.parse()?);
    request.headers_mut().insert("x-forwarded-for", client.to_string().parse()?);
    Ok(connect_async(request).await?.0)
}

/// Reads up to the close frame: reading it sends the reply.
async fn read_out(mut socket: Socket) {
    while let Some(Ok(_)) = socket.next().await {}
}
