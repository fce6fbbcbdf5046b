//! The drain itself: one task that walks a list.
//!
//! It closes what was alive when it began, waits for transports and then for handlers, and at the deadline aborts what
//! is left. Later handshakes need no place in the list: the layer refuses them, or closes them when they complete.

use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

use portcullis_core::{Connection, Ended, EndedBy, settings::Grace};
use tokio::time::{Instant, sleep_until, timeout};

use super::{count::Count, drained::Drained, settings::Settings, spread::spread, state::State};

/// Aborted connections are let go of by tasks of their own, which need a moment. So does the message to other nodes.
const MOMENT: Duration = Duration::from_secs(1);

pub(super) async fn run(settings: &Settings, state: &State) -> Drained {
    let began = Instant::now();
    let connections = state.connections.all();
    note_begin(connections.len());
    let (live, busy) = watch(&connections);
    let in_time = timeout(settings.deadline, async {
        close_all(&connections, settings).await;
        live.none_left().await;
    });
    let mut drained = match in_time.await {
        Ok(()) => tally(&connections),
        Err(_elapsed) => cut_off(state, &connections, &live).await,
    };
    let left = settings.deadline.saturating_sub(began.elapsed());
    // A handler that does not finish in time is counted.
    let _elapsed = timeout(left.min(settings.grace), async {
        busy.none_left().await;
        state.turned_away.none_left().await;
    })
    .await;
    drained.busy = busy.left();
    release(state).await;
    let drained = state.finish(drained);
    note_end(drained);
    drained
}

/// How many connections have not ended, and how many handlers are not done. One that has ended already drops its token
/// at once.
fn watch(connections: &[Connection]) -> (Count, Count) {
    let (live, busy) = (Count::default(), Count::default());
    for connection in connections {
        connection.hold(live.token());
        connection.hold_for_handler(busy.token());
    }
    (live, busy)
}

/// Closes them, one after another.
async fn close_all(connections: &[Connection], settings: &Settings) {
    let (random, began) = (RandomState::new(), Instant::now());
    let frame = settings.frame();
    let window = settings.window.min(settings.deadline / 2);
    let draw = |connection: &&Connection| random.hash_one(connection.id());
    for (moment, connection) in spread(connections.iter().collect(), window, draw) {
        sleep_until(began + moment).await;
        connection.close_with(frame.clone(), Grace::at_least(settings.grace).quiet(settings.quiet));
    }
}

/// The deadline has passed.
async fn cut_off(state: &State, connections: &[Connection], live: &Count) -> Drained {
    let drained = tally(connections);
    state.cut_handshakes();
    for connection in connections {
        connection.abort();
    }
    let _elapsed = timeout(MOMENT, live.none_left()).await;
    drained
}

/// Other nodes learn that what the connections held is free, before the process ends.
async fn release(state: &State) {
    for member in state.members() {
        let _elapsed = timeout(MOMENT, member.drained()).await;
    }
}

fn tally(connections: &[Connection]) -> Drained {
    let mut drained = Drained::default();
    for connection in connections {
        match connection.close_reason() {
            None => drained.aborted += 1,
            Some(Ended { by: EndedBy::Transport, .. } | Ended { cut_short: true, .. }) => drained.gone += 1,
            Some(_) => drained.closed += 1,
        }
    }
    drained
}

fn note_begin(connections: usize) {
    #[cfg(feature = "tracing")]
    tracing::info!(target: "portcullis", connections, "draining WebSockets");
    let _ = connections;
}

fn note_end(drained: Drained) {
    #[cfg(feature = "tracing")]
    {
        let Drained { closed, gone, aborted, busy, refused } = drained;
        tracing::info!(target: "portcullis", closed, gone, aborted, busy, refused, "drained WebSockets");
    }
    let _ = drained;
}
