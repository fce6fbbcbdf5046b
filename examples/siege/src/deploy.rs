//! A second server, which is replaced while clients are connected to it.
//!
//! It has its own runtime, which is dropped after the shutdown, so its connections end like those of a process that
//! exits.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use axum::{Router, http::StatusCode, routing::get, serve::ListenerExt};
use portcullis_liveness::Drain;
use tokio::{net::TcpListener, runtime::Runtime, sync::oneshot};

use crate::Result;

/// Tells the server to shut down.
type Stop = Arc<Mutex<Option<oneshot::Sender<()>>>>;

/// A drain, with all times scaled down.
pub(crate) fn drain() -> Drain {
    let quiet = Duration::from_millis(50);
    Drain::new().window(Duration::from_millis(500)).quiet(quiet).deadline(Duration::from_secs(2))
}

/// `/deploy` starts a server and returns its port, and `/stop` shuts it down gracefully.
pub(crate) fn routes(app: Router, drain: Option<Drain>) -> Router {
    let stop = Stop::default();
    let stops = stop.clone();
    let start =
        get(async move || start(app.clone(), drain.clone(), &stop).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR));
    let stop = get(async move || {
        let stop = stops.lock().unwrap_or_else(PoisonError::into_inner).take();
        stop.is_some_and(|stop| stop.send(()).is_ok()).to_string()
    });
    Router::new().route("/deploy", start).route("/stop", stop)
}

fn start(app: Router, drain: Option<Drain>, stop: &Stop) -> Result<String> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let port = listener.local_addr()?.port();
    let (sender, stopped) = oneshot::channel();
    *stop.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
    let runtime = Runtime::new()?;
    // If it fails, its clients notice.
    thread::spawn(move || runtime.block_on(serve(listener, app, drain, stopped)));
    Ok(port.to_string())
}

/// Shuts down as in axum's documentation, or with a drain as in the documentation of the drain.
async fn serve(
    listener: std::net::TcpListener,
    app: Router,
    drain: Option<Drain>,
    stopped: oneshot::Receiver<()>,
) -> std::io::Result<()> {
    let listener = TcpListener::from_std(listener)?.tap_io(|io| drop(io.set_nodelay(true)));
    let server = axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>());
    match drain {
        Some(drain) => server.with_graceful_shutdown(drain.on(stopped)).await,
        None => server.with_graceful_shutdown(async { drop(stopped.await) }).await,
    }
}
