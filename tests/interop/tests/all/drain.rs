//! A drain beside axum's graceful shutdown, over real sockets and both versions of HTTP.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{Router, extract::ws::WebSocketUpgrade, http::StatusCode, routing::any};
use interop::socket::{Http, Socket, ask};
use portcullis_close::CloseLayer;
use portcullis_liveness::Drain;
use tokio::{
    net::TcpListener,
    sync::oneshot,
    task::JoinHandle,
    time::{sleep, timeout},
};

const BOTH: [Http; 2] = [Http::One, Http::Two];
const RESTARTS: &[u8] = b"\x88\x12\x03\xf4service restarts";
const MS: Duration = Duration::from_millis(1);

/// Longer than any server takes to return, even on a busy machine. How its connections ended is in the drain's report.
const PATIENCE: Duration = Duration::from_mins(1);

fn routes() -> Router {
    let echo = any(async |upgrade: WebSocketUpgrade| {
        upgrade.on_upgrade(async |mut socket| {
            while let Some(Ok(message)) = socket.recv().await {
                if socket.send(message).await.is_err() {
                    return;
                }
            }
        })
    });
    let busy = any(async |upgrade: WebSocketUpgrade| upgrade.on_upgrade(async |_socket| std::future::pending().await));
    let stuck = any(async |_: WebSocketUpgrade| std::future::pending::<()>().await);
    Router::new().route("/", echo).route("/busy", busy).route("/stuck", stuck)
}

/// A server that shuts down gracefully when the future completes.
async fn serve<F>(app: Router, stop: F) -> (SocketAddr, JoinHandle<()>)
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (address, tokio::spawn(async move { axum::serve(listener, app).with_graceful_shutdown(stop).await.unwrap() }))
}

/// A server with a drain, and the signal that starts it.
async fn drained(drain: &Drain) -> (SocketAddr, JoinHandle<()>, oneshot::Sender<()>) {
    let (signal, signalled) = oneshot::channel();
    let app = routes().layer(drain.layer()).layer(CloseLayer::new());
    let (address, server) = serve(app, drain.on(signalled)).await;
    (address, server, signal)
}

/// Waits until this many handshakes were admitted.
async fn admitted(drain: &Drain, count: usize) {
    let all = async {
        while drain.connections().count() < count {
            sleep(MS).await;
        }
    };
    timeout(PATIENCE, all).await.expect("they are admitted");
}

#[tokio::test]
async fn alone_a_graceful_shutdown_leaves_sockets_behind_or_waits_for_them() {
    for (http, returns) in [(Http::One, true), (Http::Two, false)] {
        let (signal, signalled) = oneshot::channel::<()>();
        let (address, server) = serve(routes(), async { signalled.await.unwrap() }).await;
        let mut client = Socket::open(address, "/", http).await;
        client.echoes().await;
        signal.send(()).unwrap();
        sleep(MS * 500).await;
        client.echoes().await;
        assert_eq!(server.is_finished(), returns, "{http:?}");
        client.close().await;
        timeout(PATIENCE, server).await.expect("it returns").unwrap();
    }
}

#[tokio::test]
async fn a_server_returns_when_its_sockets_were_closed() {
    for http in BOTH {
        let drain = Drain::new().window(MS * 300);
        let (address, server, signal) = drained(&drain).await;
        let mut client = Socket::open(address, "/", http).await;
        client.echoes().await;
        signal.send(()).unwrap();
        drain.started().await;
        assert_eq!(ask(address, "/", http).await, StatusCode::SERVICE_UNAVAILABLE, "{http:?}");
        assert_eq!(client.frame().await, RESTARTS, "{http:?}");
        sleep(MS * 300).await;
        assert!(!server.is_finished(), "{http:?}: the client has not answered");
        client.close().await;
        assert_eq!(client.rest().await, b"", "{http:?}");
        timeout(PATIENCE, server).await.expect("it returns").unwrap();
        let drained = drain.drained().await;
        assert_eq!(drained.to_string(), "1 closed, 0 gone, 0 aborted, 0 handlers busy, 1 refused", "{http:?}");
    }
}

#[tokio::test]
async fn a_server_returns_at_the_deadline_whatever_its_clients_and_handlers_do() {
    for http in BOTH {
        let drain = Drain::new().window(Duration::ZERO).deadline(MS * 1000);
        let (address, server, signal) = drained(&drain).await;
        let mut deaf = [Socket::open(address, "/", http).await, Socket::open(address, "/busy", http).await];
        let stuck = tokio::spawn(ask(address, "/stuck", http));
        admitted(&drain, 3).await;
        // Before the drain itself begins to count.
        let began = Instant::now();
        signal.send(()).unwrap();
        drain.started().await;
        for client in &mut deaf {
            assert_eq!(client.frame().await, RESTARTS, "{http:?}");
        }
        let stuck = timeout(PATIENCE, stuck).await.expect("it is answered");
        assert_eq!(stuck.unwrap(), StatusCode::SERVICE_UNAVAILABLE, "{http:?}");
        timeout(PATIENCE, server).await.expect("it returns").unwrap();
        assert!(began.elapsed() >= MS * 1000, "{http:?}");
        assert_eq!(drain.drained().await.to_string(), "0 closed, 0 gone, 3 aborted, 1 handlers busy, 0 refused");
        for mut client in deaf {
            client.rest().await;
        }
    }
}

#[tokio::test]
async fn a_listener_that_is_closed_at_once_leaves_time_for_the_drain() {
    for http in BOTH {
        let drain = Drain::new().window(MS * 300);
        let begun = drain.clone();
        let (address, server) = serve(routes().layer(drain.layer()), async move { begun.started().await }).await;
        let mut client = Socket::open(address, "/", http).await;
        let draining = tokio::spawn(drain.start());
        assert_eq!(client.frame().await, RESTARTS, "{http:?}");
        assert!(tokio::net::TcpStream::connect(address).await.is_err(), "{http:?}");
        client.close().await;
        assert_eq!(draining.await.unwrap().closed, 1);
        timeout(PATIENCE, server).await.expect("it returns").unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_handshake_slips_through_while_the_drain_begins() {
    for _ in 0..20 {
        let drain = Drain::new().window(Duration::ZERO).quiet(Duration::ZERO);
        let (address, server, signal) = drained(&drain).await;
        let closed = Arc::new(AtomicUsize::new(0));
        let clients: Vec<_> = (0..8)
            .map(|_| {
                let closed = closed.clone();
                tokio::spawn(async move {
                    let mut admitted = Vec::new();
                    // Each reconnects until it is refused.
                    while let Some(mut client) = Socket::try_open(address).await {
                        assert!(admitted.len() < 10_000, "it never is");
                        admitted.push(tokio::spawn(async move {
                            assert_eq!(client.frame().await, RESTARTS);
                            client.close().await;
                        }));
                    }
                    for client in admitted {
                        client.await.unwrap();
                        closed.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        admitted(&drain, 8).await;
        signal.send(()).unwrap();
        for client in clients {
            client.await.unwrap();
        }
        timeout(PATIENCE, server).await.expect("it returns").unwrap();
        let drained = drain.drained().await;
        assert!(drained.is_clean(), "{drained}");
        assert_eq!((drained.closed, drained.gone), (closed.load(Ordering::Relaxed), 0));
        assert_eq!(drain.connections().count(), 0);
    }
}
