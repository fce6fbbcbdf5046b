//! A server that records messages, and may be replaced at any time.

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

/// Stands in for a database with an entry for each message.
type Records = Arc<AtomicU32>;

/// Serves until a SIGTERM. Prints its port first, and at the end how many messages it recorded and the outcome of the
/// drain.
pub(crate) async fn run() -> Result<()> {
    let (drain, records, stop) = (Drain::new().window(Duration::from_secs(2)), Records::default(), terminated()?);
    let layers = ServiceBuilder::new().layer(CloseLayer::new()).layer(drain.layer());
    let app = Router::new().route("/ws", any(upgrade)).with_state(records.clone()).layer(layers);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?.port());
    end_with_the_example();

    // Do not delay small messages.
    let listener = listener.tap_io(|io| drop(io.set_nodelay(true)));
    axum::serve(listener, app).with_graceful_shutdown(drain.on(stop)).await?;

    println!("{}\n{}", records.load(Ordering::Relaxed), drain.drained().await);
    Ok(())
}

async fn upgrade(State(records): State<Records>, upgrade: WebSocketUpgrade, connection: Connection) -> Response {
    let upgrade = upgrade.read_buffer_size(16 * 1024);
    upgrade.on_upgrade(connection.supervise(move |socket| record(socket, records)))
}

/// Records each message, and acknowledges it after some work: if the handler is stopped in between, the message comes
/// again and is recorded twice. The handler does not know about drains.
async fn record(mut socket: WebSocket, records: Records) -> std::result::Result<(), CloseCode> {
    while let Some(Ok(message)) = socket.recv().await {
        let Message::Text(_) = message else { continue };
        records.fetch_add(1, Ordering::Relaxed);
        sleep(Duration::from_millis(10)).await;
        socket.send(message).await.map_err(|_| CloseCode::INTERNAL_ERROR)?;
    }
    Ok(())
}

/// Completes on a SIGTERM, which is caught from this call on.
#[cfg(unix)]
fn terminated() -> Result<impl Future + Send + 'static> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut signals = signal(SignalKind::terminate())?;
    Ok(async move { signals.recv().await })
}

/// Ctrl-C, where there is no SIGTERM.
#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "elsewhere it may fail")]
fn terminated() -> Result<impl Future + Send + 'static> {
    Ok(tokio::signal::ctrl_c())
}

/// Exits when standard input ends, so that no server outlives a killed example.
fn end_with_the_example() {
    thread::spawn(|| {
        let _end_or_error = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(1);
    });
}
