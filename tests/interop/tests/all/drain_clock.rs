//! Which connections a drain closes, when, and which ones it waits for, on a paused clock.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    extract::ws::{WebSocket, WebSocketUpgrade},
    routing::{any, get},
};
use interop::pipe::{self, Client, Seen, answer, closed, status, text};
use portcullis_close::CloseLayer;
use portcullis_core::{CloseCode, CloseFrame, Connection, Connections};
use portcullis_liveness::{Drain, Drained};
use tokio::{
    sync::Notify,
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};

const SECOND: Duration = Duration::from_secs(1);

/// Answers each message after a delay.
async fn slow_echo(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        sleep(SECOND / 5).await;
        if socket.send(message).await.is_err() {
            return;
        }
    }
}

fn routes() -> Router {
    let echo = any(async |upgrade: WebSocketUpgrade| upgrade.on_upgrade(slow_echo));
    let stuck = any(async |_: WebSocketUpgrade| std::future::pending::<()>().await);
    let busy = any(async |upgrade: WebSocketUpgrade| upgrade.on_upgrade(async |_socket| std::future::pending().await));
    let late = any(async || sleep(SECOND).await);
    Router::new()
        .route("/late", late)
        .route("/echo", echo)
        .route("/stuck", stuck)
        .route("/busy", busy)
        .route("/plain", get(async || "fine"))
}

async fn open(app: &Router, path: &str) -> Client {
    pipe::open(app, path, "").await
}

/// A running drain, with a timeout.
fn start(drain: &Drain) -> JoinHandle<Drained> {
    let draining = drain.start();
    tokio::spawn(async { timeout(SECOND * 60, draining).await.expect("a minute passed") })
}

async fn next(pipe: &mut Client) -> Option<Seen> {
    timeout(SECOND * 60, pipe.next()).await.expect("a minute passed")
}

async fn answer_close(pipe: &mut Client) {
    let _server_may_be_gone = pipe.send_close(&CloseFrame::empty()).await;
}

/// Waits for the close, answers it, and returns it.
async fn receive_close(mut pipe: Client) -> Option<Seen> {
    let seen = next(&mut pipe).await;
    answer_close(&mut pipe).await;
    assert_eq!(next(&mut pipe).await, None);
    seen
}

fn restarts() -> Option<Seen> {
    closed(1012, "service restarts")
}

/// Closed, gone, aborted, and handlers that were busy.
fn counts(drained: Drained) -> [usize; 4] {
    [drained.closed, drained.gone, drained.aborted, drained.busy]
}

#[tokio::test(start_paused = true)]
async fn handshakes_are_refused_and_plain_requests_are_served() {
    let drain = Drain::new().retry_after(SECOND * 7);
    let app = routes().layer(drain.layer());
    assert_eq!(status(&app, "/echo", "").await, 101);
    // Dropped at once, and refused all the same.
    drop(drain.start());
    let refused = answer(&app, "/echo", "").await;
    assert_eq!(refused.status(), 503);
    assert_eq!(refused.headers()["retry-after"], "7");
    assert_eq!(refused.body(), "this server is shutting down");
    let plain = axum::http::Request::get("/plain").body(axum::body::Body::empty()).unwrap();
    assert_eq!(tower::ServiceExt::oneshot(app, plain).await.unwrap().status(), 200);
    assert_eq!(drain.start().await.refused, 1);
}

#[tokio::test(start_paused = true)]
async fn each_is_closed_at_its_own_time_within_the_window() {
    let drain = Drain::new().window(SECOND * 10).quiet(Duration::ZERO);
    let app = routes().layer(drain.layer());
    let mut closes = Vec::new();
    for _ in 0..50 {
        let pipe = open(&app, "/echo").await;
        closes.push(tokio::spawn(async move {
            assert_eq!(receive_close(pipe).await, restarts());
            Instant::now()
        }));
    }
    let began = Instant::now();
    assert_eq!(counts(start(&drain).await.unwrap()), [50, 0, 0, 0]);
    let mut moments = Vec::new();
    for moment in closes {
        moments.push(moment.await.unwrap() - began);
    }
    assert!(!moments.is_sorted(), "not in the order in which they came");
    moments.sort_unstable();
    for (moment, part) in moments.into_iter().zip(0..) {
        // A connection is taken from its handler when that has sent nothing for the route's own 50 ms.
        let earliest = SECOND / 5 * part + Duration::from_millis(50);
        assert!(moment >= earliest && moment < earliest + SECOND / 4, "{part}: {moment:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn last_answers_are_delivered() {
    let drain = Drain::new().window(Duration::ZERO);
    let app = routes().layer(drain.layer());
    let mut pipe = open(&app, "/echo").await;
    pipe.send_text("last words").await.unwrap();
    sleep(SECOND / 10).await;
    let draining = start(&drain);
    assert_eq!(next(&mut pipe).await, text("last words"));
    assert_eq!(receive_close(pipe).await, restarts());
    assert_eq!(counts(draining.await.unwrap()), [1, 0, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_completes_late_is_closed_then() {
    let (drain, go) = (Drain::new(), Arc::new(Notify::new()));
    let gate = go.clone();
    let slow = any(async move |upgrade: WebSocketUpgrade| {
        gate.notified().await;
        upgrade.on_upgrade(slow_echo)
    });
    let app = Router::new().route("/", slow).layer(drain.layer());
    let asking = tokio::spawn(async move { open(&app, "/").await });
    sleep(SECOND).await;
    let draining = start(&drain);
    // All others would have been closed by now.
    sleep(SECOND * 6).await;
    go.notify_one();
    assert_eq!(receive_close(asking.await.unwrap()).await, restarts());
    assert_eq!(counts(draining.await.unwrap()), [1, 0, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn what_is_left_at_the_deadline_is_aborted() {
    let drain = Drain::new().deadline(SECOND * 4);
    let app = routes().layer(drain.layer());
    let [stuck, late] = ["/stuck", "/late"].map(|path| {
        let app = app.clone();
        tokio::spawn(async move { timeout(SECOND * 60, status(&app, path, "")).await.expect("a minute passed") })
    });
    // Its closing handshake would take up to 5 s.
    let mut deaf = open(&app, "/echo").await;
    let polite = open(&app, "/echo").await;
    let began = Instant::now();
    let draining = start(&drain);
    assert_eq!(receive_close(polite).await, restarts());
    assert_eq!(next(&mut deaf).await, restarts());
    assert_eq!(next(&mut deaf).await, None);
    assert_eq!(began.elapsed().as_secs(), 4);
    assert_eq!(stuck.await.unwrap(), 503);
    assert_eq!(late.await.unwrap(), 200, "it comes to nothing");
    assert_eq!(counts(draining.await.unwrap()), [1, 1, 2, 0]);
    assert!(began.elapsed() < SECOND * 5);
}

#[tokio::test(start_paused = true)]
async fn a_busy_handler_does_not_keep_its_client_waiting() {
    let drain = Drain::new();
    let app = routes().layer(drain.layer());
    let pipe = open(&app, "/busy").await;
    let draining = start(&drain);
    assert_eq!(receive_close(pipe).await, restarts());
    let closed_at = Instant::now();
    assert_eq!(counts(draining.await.unwrap()), [1, 0, 0, 1]);
    assert_eq!(closed_at.elapsed().as_secs(), 5, "the handler has its time to clean up, and no longer");
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_cleans_up_is_waited_for() {
    let (drain, saved) = (Drain::new(), Arc::new(AtomicUsize::new(0)));
    let count = saved.clone();
    let saving = any(async move |upgrade: WebSocketUpgrade, connection: Connection| {
        upgrade.on_upgrade(connection.supervise(async move |mut socket: WebSocket| {
            while let Some(Ok(_)) = socket.recv().await {}
            drop(socket);
            sleep(SECOND * 4).await;
            count.fetch_add(1, Ordering::Relaxed);
            Ok::<(), CloseCode>(())
        }))
    });
    let app = Router::new().route("/", saving).layer(drain.layer());
    let clients = [open(&app, "/").await, open(&app, "/").await];
    let draining = start(&drain);
    for client in clients {
        assert_eq!(receive_close(client).await, restarts());
    }
    assert_eq!(counts(draining.await.unwrap()), [2, 0, 0, 0]);
    assert_eq!(saved.load(Ordering::Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn an_abandoned_drain_continues_when_it_is_started_again() {
    let drain = Drain::new().close_frame(CloseFrame::new(CloseCode::TRY_AGAIN_LATER, "later"));
    let app = routes().layer(drain.layer());
    let clients = [open(&app, "/echo").await, open(&app, "/echo").await];
    let clients = clients.map(|pipe| tokio::spawn(receive_close(pipe)));
    // Both are closed within their halves of five seconds.
    assert!(timeout(SECOND * 3, drain.start()).await.is_err());
    assert_eq!(status(&app, "/echo", "").await, 503);
    let (again, and_again) = tokio::join!(drain.start(), drain.start());
    assert_eq!(again, and_again);
    for client in clients {
        assert_eq!(client.await.unwrap(), closed(1013, "later"));
    }
    assert_eq!(drain.drained().await.refused, 1);
    assert_eq!(drain.start().await, again, "it is over");
}

#[tokio::test(start_paused = true)]
async fn a_page_gets_the_reason_and_the_drain_waits_for_it() {
    let drain = Drain::new().window(Duration::ZERO);
    let app = routes().layer(drain.layer()).layer(CloseLayer::new());
    let admitted = open(&app, "/echo").await;
    let draining = start(&drain);
    let mut page = pipe::open(&app, "/echo", "origin: https://page.example\r\n").await;
    assert_eq!(next(&mut page).await, closed(1012, "service restarts; retry after 5 s"));
    receive_close(admitted).await;
    sleep(SECOND).await;
    assert!(!draining.is_finished(), "the page has not answered");
    answer_close(&mut page).await;
    let answered = Instant::now();
    let drained = draining.await.unwrap();
    assert_eq!((drained.closed, drained.refused), (1, 1));
    assert!(answered.elapsed() < SECOND, "{:?}", answered.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_registry_is_drained_of_all_that_it_knows() {
    let connections = Connections::new();
    let drain = Drain::of(connections.clone());
    let inside = routes().layer(connections.layer()).layer(drain.layer());
    let outside = routes().layer(drain.layer()).layer(connections.layer());
    let without = routes().layer(connections.layer());
    let clients = [open(&inside, "/echo").await, open(&outside, "/echo").await, open(&without, "/echo").await];
    assert_eq!(connections.count(), 3);
    let draining = start(&drain);
    for client in clients {
        assert_eq!(receive_close(client).await, restarts());
    }
    assert_eq!(counts(draining.await.unwrap()), [3, 0, 0, 0]);
    assert_eq!(connections.count(), 0);
}
