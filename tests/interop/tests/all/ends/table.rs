//! The table, and the test that runs it.

use std::{fmt, sync::Arc, time::Duration};

use tokio::sync::Semaphore;

use super::row::run;

/// Where a connection stands when its client vanishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// The handler waits for a message, or sends.
    Open,
    /// A rate limit holds back what the client has sent.
    Delayed,
    /// The handler does not touch its socket.
    Busy,
    /// The handler has left half a frame, and does not touch its socket any more.
    HalfAFrame,
    /// The handshake is not answered yet.
    Upgrading,
    /// The handler does not get its socket before a first message has come.
    FirstMessage,
    /// The server has closed, and the client has not answered.
    Closing,
}

/// How a client vanishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Its process ends with nothing unread; over HTTP/2 it ends its stream (`END_STREAM`).
    Fin,
    /// Its process ends with something unread; over HTTP/2 it resets its stream (`RST_STREAM`).
    Reset,
    /// It sends nothing any more, not even answers to pings.
    Silence,
    /// It reads nothing any more.
    Shut,
}

/// What the WebSocket runs over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Tcp,
    Tls,
    /// A stream that ends while its connection lives on.
    Http2,
    /// A stream whose connection ends.
    Http2Connection,
}

/// What notices that a client is gone. A row has this, and nothing else that would.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// The end itself, which is read where it arrives.
    End,
    /// `KeepAliveLayer`: the first ping may only elicit a reset.
    Ping,
    /// `KeepAliveLayer`: no answer to a ping.
    NoPong,
    /// `IdleTimeoutLayer`.
    Idle,
    /// `WriteTimeoutLayer`.
    Write,
    /// The time that a first message may take.
    FirstMessage,
    /// The time that a closing handshake may take.
    Closing,
}

pub(super) const INTERVAL: Duration = Duration::from_millis(800);
pub(super) const TIMEOUT: Duration = Duration::from_millis(500);
pub(super) const IDLE: Duration = Duration::from_millis(800);
pub(super) const WRITE: Duration = Duration::from_millis(800);
pub(super) const FIRST: Duration = Duration::from_millis(800);
pub(super) const GRACE: Duration = Duration::from_millis(200);
pub(super) const CLOSING: Duration = Duration::from_millis(300);

impl By {
    /// Within what time.
    pub(super) fn bound(self) -> Duration {
        match self {
            Self::End => Duration::ZERO,
            Self::Ping => 2 * INTERVAL + GRACE,
            Self::NoPong => INTERVAL + TIMEOUT + GRACE + CLOSING,
            Self::Idle => IDLE + GRACE + CLOSING,
            Self::Write => WRITE + GRACE + CLOSING,
            Self::FirstMessage => FIRST + CLOSING,
            Self::Closing => GRACE + CLOSING,
        }
    }
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::End => "its end: at once",
            Self::Ping => "KeepAliveLayer: two intervals",
            Self::NoPong => "KeepAliveLayer: interval + timeout + closing",
            Self::Idle => "IdleTimeoutLayer: timeout + closing",
            Self::Write => "WriteTimeoutLayer: timeout + closing",
            Self::FirstMessage => "first message: its time + closing",
            Self::Closing => "closing handshake: its time",
        })
    }
}

/// What becomes of a client in a phase.
#[derive(Debug, Clone, Copy)]
enum Cell {
    /// What it held is freed.
    Freed(By),
    /// There is no such end, with the reason.
    None(&'static str),
    /// What it held is kept on purpose, and until when.
    Held(&'static str),
}

use Cell::{Freed, Held, None};

const PHASES: [Phase; 7] = [
    Phase::Open,
    Phase::Delayed,
    Phase::Busy,
    Phase::HalfAFrame,
    Phase::Upgrading,
    Phase::FirstMessage,
    Phase::Closing,
];
const WAYS: [Way; 4] = [Way::Fin, Way::Reset, Way::Silence, Way::Shut];
const PROTOCOLS: [Protocol; 4] = [Protocol::Tcp, Protocol::Tls, Protocol::Http2, Protocol::Http2Connection];

/// The `wanted` cell, except for streams that hyper does not release: the tests in `streams` check that these count for
/// as long.
fn cell(phase: Phase, way: Way, protocol: Protocol) -> Cell {
    match (wanted(phase, way, protocol), way, protocol) {
        (Freed(_), Way::Shut, Protocol::Http2) => Held(
            "the handler returns, but the stream counts until hyper lets go: it is read, reset, or its connection ends",
        ),
        (cell, ..) => cell,
    }
}

fn wanted(phase: Phase, way: Way, protocol: Protocol) -> Cell {
    match (phase, way, protocol) {
        (_, Way::Silence | Way::Shut, Protocol::Http2Connection) => None("as its stream: see the row above"),
        (Phase::Upgrading, Way::Silence, _) => None("the client waits for the server; once answered it is open"),
        (Phase::Upgrading, Way::Shut, _) => None("nothing was sent that could find no room; once answered it is open"),
        (Phase::Upgrading, Way::Fin, Protocol::Http2) => {
            None("a request whose stream has ended waits for its answer as any other; once answered it is open")
        }
        (Phase::FirstMessage, Way::Shut, Protocol::Tcp | Protocol::Tls) => {
            None("before a first message 64 pings are answered at most: there is always room for that")
        }
        (Phase::Busy, Way::Shut, _) => None("what a handler that does nothing has left unsent is half a frame"),
        (Phase::Open | Phase::Upgrading | Phase::FirstMessage | Phase::Closing, Way::Fin | Way::Reset, _) => {
            Freed(By::End)
        }
        // It has only ended its own side: it still reads pings, but does not answer them. In the middle of a frame no
        // ping can be sent that would elicit a reset, and none could be answered. Up to 4 KiB of unread input are
        // searched for the answer of a silent client; with more, it is judged only after that was read.
        (Phase::Delayed | Phase::Busy, Way::Fin, Protocol::Http2)
        | (Phase::HalfAFrame, Way::Fin, _)
        | (Phase::Open | Phase::Delayed | Phase::Busy, Way::Silence, _) => Freed(By::NoPong),
        (Phase::Delayed | Phase::Busy | Phase::HalfAFrame, Way::Fin | Way::Reset, _) => Freed(By::Ping),
        // No ping can be sent in the middle of a frame.
        (Phase::HalfAFrame, Way::Silence, _) => Freed(By::Idle),
        (Phase::Open | Phase::Delayed | Phase::HalfAFrame, Way::Shut, _) => Freed(By::Write),
        (Phase::FirstMessage, Way::Silence | Way::Shut, _) => Freed(By::FirstMessage),
        (Phase::Closing, Way::Silence | Way::Shut, _) => Freed(By::Closing),
    }
}

/// The delay that a busy machine may add. If a row fails, nothing would have freed it for a minute.
const SLACK: Duration = Duration::from_secs(10);

/// The number of rows that run concurrently: a machine that is busy with all of them is late for each.
const AT_ONCE: usize = 24;

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_gone_leaves_nothing_behind() {
    let (mut rows, turn) = (Vec::new(), Arc::new(Semaphore::new(AT_ONCE)));
    for phase in PHASES {
        for (way, protocol) in WAYS.into_iter().flat_map(|way| PROTOCOLS.map(|protocol| (way, protocol))) {
            let cell = cell(phase, way, protocol);
            let running = match cell {
                Freed(by) => {
                    let turn = turn.clone();
                    Some(tokio::spawn(async move {
                        let _turn = turn.acquire().await;
                        run(phase, way, protocol, by).await
                    }))
                }
                None(_) | Held(_) => Option::None,
            };
            rows.push((phase, way, protocol, cell, running));
        }
    }
    let mut failed = Vec::new();
    println!("{:<13}{:<9}{:<17}{:<48}{:>8}{:>8}", "phase", "way", "protocol", "freed by", "ms", "took");
    for (phase, way, protocol, cell, running) in rows {
        let name = format!("{:<13}{:<9}{:<17}", format!("{phase:?}"), format!("{way:?}"), format!("{protocol:?}"));
        let (by, running) = match (cell, running) {
            (Freed(by), Some(running)) => (by, running),
            (None(why), _) => {
                println!("{name}none: {why}");
                continue;
            }
            (Held(why), _) => {
                println!("{name}held: {why}");
                continue;
            }
            (Freed(_), Option::None) => unreachable!("it was started"),
        };
        let took = running.await.ok().filter(|took| *took <= by.bound() + SLACK);
        let shown = took.map_or("FAILED".to_owned(), |took| took.as_millis().to_string());
        println!("{name}{:<48}{:>8}{shown:>8}", by.to_string(), by.bound().as_millis());
        if took.is_none() {
            failed.push((phase, way, protocol));
        }
    }
    assert!(failed.is_empty(), "{failed:?}");
}
