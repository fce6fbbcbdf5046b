//! A policy, a gate and a value may hold on to their connection: nothing of it outlives the connection.

use std::{
    sync::{Arc, Mutex, Weak},
    time::{Duration, Instant},
};

use portcullis_core::{
    CloseCode, CloseFrame, Connection, GuardedIo,
    policy::{Action, Activity, Policy},
    settings::Settings,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

/// Holds its connection, as a session does.
struct Holding {
    connection: Arc<Mutex<Option<Connection>>>,
    _alive: Arc<()>,
    abort_at: Option<Instant>,
}

impl Policy for Holding {
    fn deadline(&self, _: &Activity) -> Option<Instant> {
        self.abort_at
    }

    fn on_deadline(&mut self, _: &Activity, _: Instant) -> Action {
        Action::Abort
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        // What is dropped may ask the connection something: it must not be locked.
        if let Some(connection) = self.connection.lock().unwrap().as_ref() {
            connection.counters();
        }
    }
}

fn guarded(
    io: tokio::io::DuplexStream,
    abort_at: Option<Instant>,
) -> (GuardedIo<tokio::io::DuplexStream>, Connection, Weak<()>) {
    let (slot, alive) = (Arc::new(Mutex::new(None)), Arc::new(()));
    let weak = Arc::downgrade(&alive);
    let policy = Holding { connection: slot.clone(), _alive: alive, abort_at };
    let (guarded, connection) = GuardedIo::new(io, &Settings::default(), vec![Box::new(policy)]);
    *slot.lock().unwrap() = Some(connection.clone());
    let held = connection.clone();
    connection.hold(held);
    (guarded, connection, weak)
}

/// Waits for the end, with nothing but what the connection itself keeps.
async fn gone(connection: Connection, weak: Weak<()>) {
    tokio::time::timeout(Duration::from_secs(60), connection.closed()).await.expect("it ends");
    drop(connection);
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(weak.upgrade().is_none(), "the policy outlives its connection");
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_leaves() {
    let (mut peer, io) = duplex(4096);
    let (guarded, connection, weak) = guarded(io, None);
    drop(guarded);
    peer.write_all(&[0x88, 0x80, 0, 0, 0, 0]).await.unwrap();
    gone(connection, weak).await;
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_is_gone() {
    let (peer, io) = duplex(4096);
    let (mut guarded, connection, weak) = guarded(io, None);
    drop(peer);
    assert_eq!(guarded.read(&mut [0; 64]).await.unwrap(), 0);
    drop(guarded);
    gone(connection, weak).await;
}

#[tokio::test(start_paused = true)]
async fn a_close_from_outside() {
    let (_peer, io) = duplex(4096);
    let (guarded, connection, weak) = guarded(io, None);
    connection.close(CloseFrame::new(CloseCode::GOING_AWAY, "deploy"));
    connection.closed().await;
    drop(guarded);
    gone(connection, weak).await;
}

#[tokio::test(start_paused = true)]
async fn an_abort() {
    let (_peer, io) = duplex(4096);
    let abort_at = tokio::time::Instant::now().into_std() + Duration::from_secs(1);
    let (guarded, connection, weak) = guarded(io, Some(abort_at));
    // Whoever reads first finds the deadline.
    let mut guarded = guarded;
    assert!(guarded.read(&mut [0; 64]).await.is_err());
    drop(guarded);
    gone(connection, weak).await;
}
