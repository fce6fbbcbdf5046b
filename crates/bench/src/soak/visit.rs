//! What clients do, one visit after the other.

use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::{sleep, timeout};

use super::socket::{Seen, Socket};
use crate::credentials;

const MS: Duration = Duration::from_millis(1);

/// What a client is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// Says something now and then, reads its echo, and closes.
    Polite,
    /// Answers pings.
    Listens,
    Floods,
    FloodsPongs,
    LeavesHalfAFrame,
    Resets,
    FallsSilent,
    /// Says more than a route takes that delays.
    IsDelayed,
    /// Shares its name with more others than may be there at a time.
    IsEvicted,
    ReadsNothing,
    /// Has no token, or leaves in the middle of its handshake.
    IsNobody,
}

const KINDS: [Kind; 11] = [
    Kind::Polite,
    Kind::Listens,
    Kind::Floods,
    Kind::FloodsPongs,
    Kind::LeavesHalfAFrame,
    Kind::Resets,
    Kind::FallsSilent,
    Kind::IsDelayed,
    Kind::IsEvicted,
    Kind::ReadsNothing,
    Kind::IsNobody,
];

/// How visits have ended: who came, what became of it, and how often.
#[derive(Debug, Clone, Default)]
pub(super) struct Ends(Arc<Mutex<BTreeMap<(Kind, String), u64>>>);

impl Ends {
    fn count(&self, kind: Kind, end: String) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry((kind, end)).or_default() += 1;
    }

    pub(super) fn print(&self) {
        let ends = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for kind in KINDS {
            let ends: Vec<_> = ends.iter().filter(|((of, _), _)| *of == kind).collect();
            let ends: Vec<_> = ends.into_iter().map(|((_, end), count)| format!("{end}: {count}")).collect();
            println!("{:<18}{}", format!("{kind:?}"), ends.join(", "));
        }
    }
}

/// One of many clients.
pub(super) struct Visitor {
    kind: Kind,
    headers: String,
    address: SocketAddr,
    ends: Ends,
}

impl Visitor {
    pub(super) fn new(number: usize, address: SocketAddr, ends: Ends) -> Self {
        let kind = KINDS[number % KINDS.len()];
        let user = if kind == Kind::IsEvicted { number % 20 } else { number };
        let [.., high, low] = number.to_be_bytes();
        let from = format!("X-Forwarded-For: 10.0.{high}.{low}\r\n");
        let who = if kind == Kind::IsNobody { String::new() } else { credentials::headers(&format!("user {user}")) };
        Self { kind, headers: from + &who, address, ends }
    }

    /// Comes again and again.
    pub(super) async fn come(self) {
        loop {
            let visit = timeout(Duration::from_secs(90), self.visit());
            let end = match visit.await {
                Ok(Ok(end)) => end,
                Ok(Err(error)) => error.kind().to_string(),
                Err(_) => "stays".to_owned(),
            };
            self.ends.count(self.kind, end);
            sleep(MS * fastrand::u32(200..2000)).await;
        }
    }

    async fn visit(&self) -> io::Result<String> {
        let mut socket = Socket::connect(self.address, self.kind == Kind::ReadsNothing).await?;
        if self.kind == Kind::IsNobody && fastrand::bool() {
            socket.write(b"GET /ws HTTP/1.1\r\nHost: bench\r\nUpgrade: webso").await?;
            return Ok("left".to_owned());
        }
        let path = match self.kind {
            Kind::IsDelayed => "delayed",
            Kind::ReadsNothing => "feed",
            _ => "ws",
        };
        let status = socket.ask(path, &self.headers).await?;
        if status != 101 {
            return Ok(format!("HTTP {status}"));
        }
        self.misbehave(socket).await
    }

    async fn misbehave(&self, mut socket: Socket) -> io::Result<String> {
        Ok(match self.kind {
            Kind::Polite => return talk(socket).await,
            Kind::Listens | Kind::IsEvicted => socket.answer_until_closed().await?,
            Kind::Floods => {
                socket.send(400, 0x81, b"spam spam spam").await?;
                socket.answer_until_closed().await?
            }
            Kind::FloodsPongs => {
                socket.send(400, 0x8a, b"pong").await?;
                socket.wait_until_closed().await?
            }
            Kind::LeavesHalfAFrame => {
                socket.write(b"\x82\xfe\x10\0\0\0\0\0half").await?;
                if leaves().await {
                    return left(socket);
                }
                socket.wait_until_closed().await?
            }
            Kind::Resets => {
                socket.send(3, 0x81, b"echo").await?;
                sleep(MS * fastrand::u32(0..50)).await;
                socket.reset()?;
                return Ok("left".to_owned());
            }
            Kind::FallsSilent => socket.wait_until_closed().await?,
            Kind::IsDelayed => {
                socket.send(300, 0x81, b"more than is taken").await?;
                if leaves().await {
                    return left(socket);
                }
                socket.answer_until_closed().await?
            }
            Kind::ReadsNothing => {
                socket.send(16, 0x81, b"more").await?;
                sleep(MS * fastrand::u32(500..5000)).await;
                return left(socket);
            }
            Kind::IsNobody => "accepted".to_owned(),
        })
    }
}

/// Whether a client leaves, in two of three cases, and after some time.
async fn leaves() -> bool {
    let leaves = fastrand::u8(0..3) > 0;
    if leaves {
        sleep(MS * fastrand::u32(0..3000)).await;
    }
    leaves
}

/// With a reset or without.
fn left(socket: Socket) -> io::Result<String> {
    if fastrand::bool() {
        socket.reset()?;
    }
    Ok("left".to_owned())
}

async fn talk(mut socket: Socket) -> io::Result<String> {
    for _ in 0..fastrand::u8(5..50) {
        socket.send(1, 0x81, b"hello").await?;
        loop {
            match socket.next().await? {
                Seen::Ping(ping) => socket.send(1, 0x8a, &ping).await?,
                Seen::Frame => break,
                Seen::Close(why) => return Ok(why),
            }
        }
        sleep(MS * fastrand::u32(100..300)).await;
    }
    socket.send(1, 0x88, &1000_u16.to_be_bytes()).await?;
    socket.wait_until_closed().await
}
