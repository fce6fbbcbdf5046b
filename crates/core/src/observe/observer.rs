//! Observers of all WebSockets in this process, such as an operator's console. Without an observer nothing is reported
//! and nothing is kept.

use std::{
    fmt,
    net::IpAddr,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use http::StatusCode;

use super::Peer;
use crate::{ended::Ended, identity::Subject};

/// Receives the events of all WebSockets in this process while it is [attached](attach).
///
/// Its method is called from any task, where no connection is locked. It must not block.
pub trait Observer: Send + Sync + 'static {
    /// Something has happened.
    fn observe(&self, event: &Event<'_>);
}

/// What has happened. Labels are those of the [metrics](super#metrics).
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A connection has begun.
    Opened,
    /// A handshake or a plain request was refused.
    #[non_exhaustive]
    Refused {
        /// It was not a handshake.
        plain: bool,
        /// The refusal's kind, or `handler` where no layer refused.
        kind: &'static str,
        /// The status.
        status: StatusCode,
        /// Why, in a sentence that may be empty. It may quote what the peer sent.
        sentence: &'a str,
        /// Nothing was refused: its layer is on report only.
        report_only: bool,
        /// The client's address, if it was known.
        client: Option<IpAddr>,
        /// The authenticated subject, if there was one.
        subject: Option<&'a Subject>,
    },
    /// A handshake came to nothing.
    #[non_exhaustive]
    Failed {
        /// The label of the reason.
        reason: &'static str,
    },
    /// A policy did something about what the peer sent.
    #[non_exhaustive]
    Violated {
        /// Whose connection it is.
        peer: Peer<'a>,
        /// The policy's name.
        policy: &'static str,
        /// What it did.
        action: &'static str,
        /// How often since the last event of this kind.
        times: u64,
    },
    /// A connection has ended.
    #[non_exhaustive]
    Closed {
        /// Whose connection it was.
        peer: Peer<'a>,
        /// The label of the close code.
        code: &'static str,
        /// How it ended. The close reason may be the peer's.
        ended: &'a Ended,
        /// How long it had been open.
        lived: Duration,
    },
}

type Observers = RwLock<Vec<Arc<dyn Observer>>>;

static OBSERVERS: Observers = RwLock::new(Vec::new());

/// How many are attached. A hint that is read without the lock: what happens at the same moment may be missed.
static ATTACHED: AtomicUsize = AtomicUsize::new(0);

/// Attaches an observer until the value that is returned is dropped.
///
/// From then on connections also keep their layers' [descriptions](crate::observe::Describe). The observer receives the
/// events of all WebSockets in the process, including those in no registry.
///
/// ```
/// use std::sync::{Arc, Mutex};
///
/// use http::StatusCode;
/// use portcullis_core::{observe::{self, Event, Observer}, refusal::Refusal};
///
/// #[derive(Default)]
/// struct Kinds(Mutex<Vec<&'static str>>);
///
/// impl Observer for Kinds {
///     fn observe(&self, event: &Event<'_>) {
///         if let Event::Refused { kind, .. } = event {
///             self.0.lock().unwrap().push(kind);
///         }
///     }
/// }
///
/// let kinds = Arc::new(Kinds::default());
/// let attached = observe::attach(kinds.clone());
/// Refusal::new("full", StatusCode::SERVICE_UNAVAILABLE).into_response::<()>();
/// drop(attached);
/// Refusal::new("closed", StatusCode::FORBIDDEN).into_response::<()>();
/// assert_eq!(*kinds.0.lock().unwrap(), ["full"]);
/// ```
pub fn attach(observer: Arc<dyn Observer>) -> Attached {
    let mut observers = OBSERVERS.write().unwrap_or_else(PoisonError::into_inner);
    observers.push(observer.clone());
    ATTACHED.store(observers.len(), Ordering::Release);
    Attached(observer)
}

/// Keeps an observer attached: see [`attach`].
#[must_use = "the observer is detached when this is dropped"]
pub struct Attached(Arc<dyn Observer>);

impl Drop for Attached {
    fn drop(&mut self) {
        let mut observers = OBSERVERS.write().unwrap_or_else(PoisonError::into_inner);
        let place = observers.iter().position(|observer| Arc::ptr_eq(observer, &self.0));
        let left = place.map(|place| observers.swap_remove(place));
        ATTACHED.store(observers.len(), Ordering::Release);
        // Without the lock: the destructor is not ours, and may attach another observer.
        drop(observers);
        drop(left);
    }
}

impl fmt::Debug for Attached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attached").finish_non_exhaustive()
    }
}

/// Returns true if an observer is attached.
#[inline]
pub(crate) fn is_attached() -> bool {
    ATTACHED.load(Ordering::Acquire) > 0
}

/// Reports an event to the attached observers.
#[inline]
pub(crate) fn notify(event: &Event<'_>) {
    if is_attached() {
        notify_all(event);
    }
}

#[cold]
fn notify_all(event: &Event<'_>) {
    let observers = OBSERVERS.read().unwrap_or_else(PoisonError::into_inner).clone();
    for observer in observers {
        observer.observe(event);
    }
}

#[cfg(test)]
mod tests {
    use std::{net::Ipv4Addr, sync::Mutex};

    use tokio::io::duplex;

    use super::*;
    use crate::{
        ConnectionState,
        frame::put_frame,
        id::ConnectionId,
        io::GuardedIo,
        observe::{Describe, Description},
        settings::Settings,
    };

    /// What was reported of one connection.
    #[derive(Default)]
    struct Notes(Mutex<Vec<(ConnectionId, String)>>);

    impl Observer for Notes {
        fn observe(&self, event: &Event<'_>) {
            let noted = match event {
                Event::Violated { peer, policy, action, times } => (peer, format!("{policy} {action} {times}")),
                Event::Closed { peer, code, ended, .. } => {
                    (peer, format!("{code} by {} {:?} {:?}", ended.by.as_str(), peer.client, peer.subject))
                }
                _ => return,
            };
            self.0.lock().unwrap().push((noted.0.id, noted.1));
        }
    }

    struct Quota;

    impl Describe for Quota {
        fn describe(&self, description: &mut Description) {
            description.quota(Some(7), 1);
            description.quota(None, 0);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_happens_to_a_connection_is_told_while_an_observer_is_attached() {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let notes = Arc::new(Notes::default());
        let mut seen = Vec::new();
        for attached in [true, false] {
            let attached = attached.then(|| attach(notes.clone()));
            let (mut peer, io) = duplex(64);
            let (mut guarded, connection) = GuardedIo::new(io, &Settings::default(), Vec::new());
            connection.set_client_ip(Ipv4Addr::new(192, 0, 2, 1).into());
            connection.authenticate(&Subject::new("alice")).unwrap();
            connection.described_by(|| Quota);
            assert_eq!(connection.description().quota_left, attached.is_some().then_some(7));
            assert_eq!(connection.status().state, ConnectionState::Open);
            let mut frame = Vec::new();
            // No client may send an unmasked frame to a server (RFC 6455, section 5.1).
            put_frame(&mut frame, 0x81, b"x", None);
            peer.write_all(&frame).await.unwrap();
            let reading = tokio::spawn(async move { guarded.read_to_end(&mut Vec::new()).await });
            let mut close = Vec::new();
            put_frame(&mut close, 0x88, &[3, 234], Some([1, 2, 3, 4]));
            peer.write_all(&close).await.unwrap();
            connection.closed().await;
            assert_eq!(connection.status().state, ConnectionState::Ended);
            assert_eq!(connection.description(), Description::default(), "it is held no longer");
            reading.await.unwrap().unwrap();
            seen.push((connection.id(), attached.is_some()));
        }
        let notes = notes.0.lock().unwrap();
        for (id, attached) in seen {
            let of_it: Vec<_> = notes.iter().filter(|(of, _)| *of == id).map(|(_, note)| note.as_str()).collect();
            let expected = ["framing close 1", "1002 by guard Some(192.0.2.1) Some(Subject(\"alice\"))"];
            assert_eq!(of_it, if attached { &expected[..] } else { &[] }, "attached {attached}");
        }
    }
}
