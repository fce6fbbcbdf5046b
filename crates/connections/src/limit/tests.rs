//! How long a permit is held, over connections in memory.

use std::{convert::Infallible, sync::Arc, time::Duration};

use http::{Request, Response, StatusCode};
use hyper::{body::Incoming, upgrade::OnUpgrade};
use portcullis_core::{
    CloseCode, CloseFrame, Connections,
    identity::Subject,
    testing::{Client, ConnectError, Handshake},
};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::sleep,
};
use tower::{Layer, service_fn};

use super::{ConnectionLimitLayer, Limit};

/// Handlers that keep their sockets until they may return, whatever happens to the connection.
#[derive(Clone)]
struct Work {
    running: Arc<()>,
    may_return: Arc<Semaphore>,
    connections: Connections,
}

impl Work {
    fn new() -> Self {
        let may_return = Arc::new(Semaphore::new(0));
        Self { running: Arc::new(()), may_return, connections: Connections::new() }
    }

    fn at_work(&self) -> usize {
        // This one is no handler.
        Arc::strong_count(&self.running) - 1
    }

    async fn open(&self, layer: &ConnectionLimitLayer) -> Result<Client, ConnectError> {
        let (running, may_return) = (Arc::downgrade(&self.running), self.may_return.clone());
        let service = layer.layer(service_fn(move |mut request: Request<Incoming>| {
            let upgrade = request.extensions_mut().remove::<OnUpgrade>();
            let (running, may_return) = (running.clone(), may_return.clone());
            tokio::spawn(async move {
                let _socket = upgrade?.await.ok()?;
                let _running = running.upgrade();
                may_return.acquire().await.ok().map(SemaphorePermit::forget)
            });
            let response = Response::builder().status(StatusCode::SWITCHING_PROTOCOLS).header("upgrade", "websocket");
            std::future::ready(Ok::<_, Infallible>(response.body(String::new()).unwrap()))
        }));
        let service = self.connections.layer().layer(service);
        let client = Handshake::new("/").extension(Subject::new("alice")).connect(service).await;
        sleep(Duration::from_millis(1)).await;
        client
    }
}

#[tokio::test(start_paused = true)]
async fn handlers_at_work_are_bounded_where_permits_are_held_until_they_return() {
    let layer = || ConnectionLimitLayer::new().per_subject(Limit::new(2).evict_oldest());
    for (what, layer, max) in [("by default", layer(), 60), ("held", layer().until_handler_returns(), 2 + 8)] {
        let (work, mut clients) = (Work::new(), Vec::new());
        for _ in 0..60 {
            clients.push(work.open(&layer).await);
            // Time enough for a closing handshake.
            sleep(Duration::from_secs(30)).await;
        }
        assert_eq!(work.at_work(), max, "{what}");
        assert_eq!(clients.iter().filter(|client| client.is_ok()).count(), max, "{what}");
        let refused = clients.iter().filter_map(|client| client.as_ref().err());
        assert!(refused.into_iter().all(|error| error.status() == Some(StatusCode::TOO_MANY_REQUESTS)), "{what}");
        // Each that returns makes room for one.
        work.may_return.add_permits(1);
        sleep(Duration::from_secs(30)).await;
        assert!(work.open(&layer).await.is_ok(), "{what}");
        work.may_return.add_permits(100);
        drop(clients);
        sleep(Duration::from_secs(60)).await;
        assert_eq!((work.at_work(), layer.live()), (0, 0), "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_ends_before_its_handler_counts_where_permits_are_held_until_that_returns() {
    let layer = || ConnectionLimitLayer::new().per_subject(2);
    for (what, layer, max) in [("by default", layer(), 10), ("held", layer().until_handler_returns(), 2)] {
        let work = Work::new();
        for _ in 0..10 {
            let _client = work.open(&layer).await;
            // The handler does not look at its socket, so it would not see its client go.
            work.connections.close_where(&CloseFrame::new(CloseCode::NORMAL, ""), |_| true);
            sleep(Duration::from_secs(30)).await;
            assert_eq!(work.connections.count(), 0, "{what}");
        }
        assert_eq!(work.at_work(), max, "{what}");
        work.may_return.add_permits(100);
        sleep(Duration::from_secs(60)).await;
        assert_eq!(layer.live(), 0, "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_limit_of_zero_admits_nobody() {
    let layer = ConnectionLimitLayer::new;
    for (layer, status) in
        [(layer().global(0), 503), (layer().per_subject(0), 429), (layer().per_key(0, |_| Some("k")), 429)]
    {
        let refused = Work::new().open(&layer).await.err().and_then(|error| error.status());
        assert_eq!(refused.map(|status| status.as_u16()), Some(status));
    }
}
