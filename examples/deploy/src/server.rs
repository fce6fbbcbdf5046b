//! A server that books messages, and may be replaced at any time.

use std::{
    future::Future,
    io::Read,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::Duration,
};

use axum::{
    Router,
    extract::{
        State,
        ws::{Message, WebSocket, WebSocketUpgrade},
    },
    response::Response,
    routing::any,
    serve::ListenerExt,
};
use portcullis_close::CloseLayer;
use portcullis_core::{CloseCode, Connection};
use portcullis_liveness::Drain;
use tokio::{net::TcpListener, time::sleep};
use tower::ServiceBuilder;

use crate::Result;

/// Stands for a database, which has an entry for each message.
type Books = Arc<AtomicU32>;

/// Serves until a SIGTERM. Says its port first, and last how many messages it booked, and what the drain came to.
pub(crate) async fn run() -> Result<()> {
    let (drain, books, stop) = (Drain::new().window(Duration::from_secs(2)), Books::default(), terminated()?);
    let layers = ServiceBuilder::new().layer(CloseLayer::new()).layer(drain.layer());
    let app = Router::new().route("/ws", any(upgrade)).with_state(books.clone()).layer(layers);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?.port());
    end_with_the_example();

    // An answer of a few bytes should not wait for the next.
    let listener = listener.tap_io(|io| drop(io.set_nodelay(true)));
    axum::serve(listener, app).with_graceful_shutdown(drain.on(stop)).await?;

    println!("{}\n{}", books.load(Ordering::Relaxed), drain.drained().await);
    Ok(())
}

async fn upgrade(State(books): State<Books>, upgrade: WebSocketUpgrade, connection: Connection) -> Response {
    let upgrade = upgrade.read_buffer_size(16 * 1024);
    upgrade.on_upgrade(connection.supervise(move |socket| book(socket, books)))
}

/// Books each message and acknowledges it, some work later: whoever is stopped in between has booked a message that
/// comes again. Nothing here knows of drains.
async fn book(mut socket: WebSocket, books: Books) -> std::result::Result<(), CloseCode> {
    while let Some(Ok(message)) = socket.recv().await {
        let Message::Text(_) = message else { continue };
        books.fetch_add(1, Ordering::Relaxed);
        sleep(Duration::from_millis(10)).await;
        socket.send(message).await.map_err(|_| CloseCode::INTERNAL_ERROR)?;
    }
    Ok(())
}

/// Listens for a SIGTERM from this call on.
#[cfg(unix)]
fn terminated() -> Result<impl Future + Send + 'static> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut signals = signal(SignalKind::terminate())?;
    Ok(async move { signals.recv().await })
}

/// Where there is no SIGTERM.
#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "elsewhere it may fail")]
fn terminated() -> Result<impl Future + Send + 'static> {
    Ok(tokio::signal::ctrl_c())
}

/// Ends the process with its standard input, so that no server outlives an example that was killed.
fn end_with_the_example() {
    thread::spawn(|| {
        let _end_or_error = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(1);
    });
}
