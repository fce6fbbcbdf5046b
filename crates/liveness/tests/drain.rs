//! The drain among other services of Tower's.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
    time::Duration,
};

use http::{Request, Response, StatusCode};
use portcullis_core::{CloseCode, CloseFrame, Decision, refusal::Refusal, shared::Member};
use portcullis_liveness::Drain;
use tower::{Layer, Service, ServiceExt, limit::ConcurrencyLimitLayer, service_fn};
use tower_test::mock;

fn handshake() -> Request<()> {
    Request::get("/").header("upgrade", "websocket").body(()).unwrap()
}

#[tokio::test]
async fn the_service_that_was_ready_is_the_one_that_is_called() {
    // A concurrency limit panics if it is called without being ready.
    let fine = service_fn(async |_: Request<()>| Ok::<_, Infallible>(Response::new(())));
    let mut service = Drain::new().layer().layer(ConcurrencyLimitLayer::new(1).layer(fine));
    for upgrade in ["websocket", "h2c", "websocket"] {
        let request = Request::get("/").header("upgrade", upgrade).body(()).unwrap();
        assert_eq!(service.ready().await.unwrap().call(request).await.unwrap().status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn a_refused_handshake_never_reaches_the_inner_service() {
    let (inner, mut handle) = mock::pair::<Request<()>, Response<()>>();
    handle.allow(1);
    let drain = Drain::new().going_away().retry_after(Duration::from_millis(1500));
    let mut service = drain.layer().layer(inner);
    let drained = drain.start().await;
    assert_eq!(drained.to_string(), "0 closed, 0 gone, 0 aborted, 0 handlers busy, 0 refused");
    let response = tokio::time::timeout(Duration::from_secs(5), service.ready().await.unwrap().call(handshake()));
    let response = response.await.expect("nobody inside answers").unwrap();
    let refusal: &Refusal = response.extensions().get().unwrap();
    assert_eq!((refusal.kind().as_str(), response.status()), ("draining", StatusCode::SERVICE_UNAVAILABLE));
    assert_eq!(response.headers()["retry-after"], "2");
    assert_eq!(refusal.close_frame().unwrap().to_string(), "1001 going away");
    let plain = tokio::spawn(service.call(Request::new(())));
    let (request, answer) = handle.next_request().await.unwrap();
    assert_eq!(request.headers().len(), 0, "the plain request, and none before");
    answer.send_response(Response::new(()));
    assert_eq!(plain.await.unwrap().unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn everybody_who_waits_learns_of_the_drain() {
    let drain = Drain::new();
    let waiting = tokio::spawn({
        let drain = drain.clone();
        async move {
            drain.started().await;
            drain.drained().await
        }
    });
    tokio::task::yield_now().await;
    assert!(!drain.is_started() && !waiting.is_finished());
    drain.on(std::future::ready("any signal")).await;
    assert!(drain.is_started());
    assert!(waiting.await.unwrap().is_clean());
}

#[tokio::test]
async fn settings_hold_for_layers_that_were_made_before_and_a_frame_for_going_away() {
    let frame = || CloseFrame::new(CloseCode::TRY_AGAIN_LATER, "come back");
    for drain in [Drain::new().close_frame(frame()).going_away(), Drain::new().going_away().close_frame(frame())] {
        let service = drain.layer().layer(service_fn(async |_: Request<()>| Ok::<_, Infallible>(Response::new(()))));
        let drain = drain.retry_after(Duration::from_secs(7));
        drain.start().await;
        let refused = service.oneshot(handshake()).await.unwrap();
        assert_eq!(refused.headers()["retry-after"], "7");
        assert_eq!(refused.extensions().get::<Refusal>().unwrap().close_frame(), Some(&frame()));
    }
}

/// What a node was told.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<&'static str>>>);

impl Member for Told {
    fn drain(&self) {
        self.0.lock().unwrap().push("drain");
    }

    fn drained(&self) -> Decision<()> {
        let told = self.0.clone();
        Decision::wait(async move { told.lock().unwrap().push("drained") })
    }
}

#[tokio::test]
async fn other_nodes_are_told_before_anybody_is_closed_and_before_the_drain_is_over() {
    let nodes = [Told::default(), Told::default()];
    let drain = Drain::new().cluster(&nodes[0]).cluster(&nodes[1]);
    let closing = drain.start();
    let told = || nodes.each_ref().map(|node| node.0.lock().unwrap().clone());
    assert_eq!(told(), [["drain"], ["drain"]], "nothing has been polled yet");
    closing.await;
    assert_eq!(told(), [["drain", "drained"], ["drain", "drained"]]);
    drain.start().await;
    assert_eq!(told(), [["drain", "drained"], ["drain", "drained"]], "once");
}

/// A node that cannot tell the others.
#[derive(Clone)]
struct Deaf;

impl Member for Deaf {
    fn drain(&self) {}

    fn drained(&self) -> Decision<()> {
        Decision::wait(std::future::pending())
    }
}

#[tokio::test(start_paused = true)]
async fn a_drain_does_not_wait_for_a_node_that_cannot_tell_the_others() {
    let start = tokio::time::Instant::now();
    Drain::new().cluster(&Deaf).start().await;
    assert!(start.elapsed() <= Duration::from_secs(2), "{:?}", start.elapsed());
}
