//! Server-sent events: what has changed, once an interval, for each viewer's own page of connections.

use std::time::Duration;

use hyper::body::Bytes;
use serde::Serialize;
use tokio::{
    sync::{OwnedSemaphorePermit, mpsc},
    time::{Instant, MissedTickBehavior, interval, timeout},
};

use crate::{body::ConsoleBody, operator::Operator, snapshot::Query, state::State, view};

/// After this long a viewer has to ask again, and is asked again who it is. Browsers do so by themselves.
const LIFE: Duration = Duration::from_secs(5 * 60);
/// A viewer that takes nothing for this long is given up.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Serialize)]
struct Update {
    summary: view::Summary,
    connections: view::Connections,
}

/// What one viewer sees.
struct Viewer {
    state: State,
    operator: Operator,
    query: Query,
    /// The history that it has seen.
    version: Option<u64>,
    to: mpsc::Sender<Bytes>,
    _permit: OwnedSemaphorePermit,
}

/// Sends events for as long as they are read.
pub(crate) fn watch(state: State, operator: Operator, query: Query, permit: OwnedSemaphorePermit) -> ConsoleBody {
    // One that is under way and one that waits: who reads slowly sees fewer.
    let (to, events) = mpsc::channel(1);
    tokio::spawn(Viewer { state, operator, query, version: None, to, _permit: permit }.run());
    ConsoleBody::events(events)
}

impl Viewer {
    async fn run(mut self) {
        let mut ticks = interval(self.state.settings.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let ends = Instant::now() + LIFE;
        while Instant::now() < ends {
            // Who has gone is not looked up anything for.
            tokio::select! {
                biased;
                () = self.to.closed() => return,
                _ = ticks.tick() => {}
                () = self.drained() => return,
            }
            if self.update().await.is_none() {
                return;
            }
        }
    }

    /// `None` if there are no viewers.
    async fn update(&mut self) -> Option<()> {
        let snapshot = self.state.snapshot(&self.query).await?;
        let (state, operator, query) = (self.state.clone(), self.operator.clone(), self.query.clone());
        // Of many connections to choose a page takes a while.
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

    /// A server that stops does not wait for its viewers.
    async fn drained(&self) {
        #[cfg(feature = "liveness")]
        if let Some(drain) = &self.state.settings.drain {
            drain.drained().await;
            return;
        }
        std::future::pending::<()>().await;
    }
}

/// Of JSON, which has no line breaks.
fn event(name: &str, value: &impl Serialize) -> Bytes {
    let mut event = format!("event: {name}\ndata: ").into_bytes();
    if serde_json::to_writer(&mut event, value).is_err() {
        return Bytes::from_static(b": nothing\n\n");
    }
    event.extend(b"\n\n");
    event.into()
}
