//! Server-sent events: an update per interval, with each viewer's own page of connections.

use std::time::Duration;

use http::request::Parts;
use hyper::body::Bytes;
use serde::Serialize;
use tokio::{
    sync::{OwnedSemaphorePermit, mpsc},
    time::{Instant, MissedTickBehavior, interval, timeout},
};

use crate::{
    body::ConsoleBody,
    operator::{Authorized, Operator},
    snapshot::Query,
    state::State,
    view,
};

/// A stream ends after this long, so that its viewer reconnects. Browsers reconnect by themselves.
const LIFE: Duration = Duration::from_secs(5 * 60);
/// How often the authorizer is asked again whether the viewer may look.
const AUTHORIZED: Duration = Duration::from_secs(10);
/// A viewer that reads nothing for this long is disconnected.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Serialize)]
struct Update {
    summary: view::Summary,
    connections: view::Connections,
}

/// The request for a stream, and the operator that the authorizer has returned for it.
pub(crate) struct Asker {
    pub(crate) authorizer: Authorized,
    pub(crate) parts: Parts,
    pub(crate) operator: Operator,
}

/// The stream of one viewer.
struct Viewer {
    state: State,
    asker: Asker,
    query: Query,
    /// The version of the history that was last sent.
    version: Option<u64>,
    to: mpsc::Sender<Bytes>,
    _permit: OwnedSemaphorePermit,
}

/// Sends events for as long as they are read.
pub(crate) fn watch(state: State, asker: Asker, query: Query, permit: OwnedSemaphorePermit) -> ConsoleBody {
    // One event on its way and one that waits: a slow reader gets fewer of them.
    let (to, events) = mpsc::channel(1);
    tokio::spawn(Viewer { state, asker, query, version: None, to, _permit: permit }.run());
    ConsoleBody::events(events)
}

impl Viewer {
    async fn run(mut self) {
        let mut ticks = interval(self.state.settings.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let ends = Instant::now() + LIFE;
        let mut ask_at = Instant::now() + AUTHORIZED;
        while Instant::now() < ends {
            // Nothing is looked up for a viewer that is gone.
            tokio::select! {
                biased;
                () = self.to.closed() => return,
                _ = ticks.tick() => {}
                () = self.drained() => return,
            }
            if Instant::now() >= ask_at {
                ask_at = Instant::now() + AUTHORIZED;
                if self.authorize().await.is_none() {
                    return;
                }
            }
            if self.update().await.is_none() {
                return;
            }
        }
    }

    /// Asks the authorizer again. `None` if the viewer may no longer look, or if there is no answer in time.
    async fn authorize(&mut self) -> Option<()> {
        let asked = self.asker.authorizer.ask(&self.asker.parts);
        self.asker.operator = timeout(PATIENCE, asked).await.ok()??;
        Some(())
    }

    /// Sends one update. `None` if the viewer is gone.
    async fn update(&mut self) -> Option<()> {
        let snapshot = self.state.snapshot(&self.query).await?;
        let (state, operator, query) = (self.state.clone(), self.asker.operator.clone(), self.query.clone());
        // Selecting a page out of many connections takes a while.
        let chosen = tokio::task::spawn_blocking(move || {
            let connections = view::connections(&state, &snapshot, &query);
            event("update", &Update { summary: view::summary(&state, &snapshot, &operator), connections })
        });
        self.send(chosen.await.ok()?).await?;
        let version = self.state.history.version();
        if self.version != Some(version) {
            self.version = Some(version);
            self.send(event("history", &view::refusals(&self.state))).await?;
        }
        Some(())
    }

    async fn send(&self, event: Bytes) -> Option<()> {
        timeout(PATIENCE, self.to.send(event)).await.ok()?.ok()
    }

    /// Waits until the drain is over: a server that stops does not wait for its viewers.
    async fn drained(&self) {
        #[cfg(feature = "liveness")]
        if let Some(drain) = &self.state.settings.drain {
            drain.drained().await;
            return;
        }
        std::future::pending::<()>().await;
    }
}

/// Formats an event. Its JSON has no line breaks.
fn event(name: &str, value: &impl Serialize) -> Bytes {
    let mut event = format!("event: {name}\ndata: ").into_bytes();
    if serde_json::to_writer(&mut event, value).is_err() {
        return Bytes::from_static(b": nothing\n\n");
    }
    event.extend(b"\n\n");
    event.into()
}
