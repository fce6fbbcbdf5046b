//! A small WebSocket echo server on blocking sockets, with its own rules. It uses no code of Portcullis except for
//! parsing and writing frames.

use std::{
    collections::{BTreeSet, VecDeque},
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex},
    thread,
    time::{Duration, Instant},
};

use portcullis_core::frame::{FrameHeader, Opcode, put_frame};
use tungstenite::handshake::derive_accept_key;

use crate::loose::{Loose, left, takes};

/// The page that may connect.
pub(crate) const OWN: &str = "https://chat.example";

/// The limits of this server.
pub(crate) const BURST: usize = 40;
pub(crate) const SIZE: usize = 16 * 1024;
pub(crate) const BYTES: usize = 100_000;
pub(crate) const SOCKETS: usize = 20;
pub(crate) const HANDSHAKES: usize = 200;
pub(crate) const SILENCE: u64 = 2;

const CONTROL: usize = 500;
const SOON: Duration = Duration::from_millis(1300);
const TICK: Duration = Duration::from_millis(100);

/// The state that all connections share.
pub(crate) struct Shared {
    loose: Loose,
    good: Vec<String>,
    answers: bool,
    live: Mutex<usize>,
    changed: Condvar,
    handshakes: Mutex<VecDeque<Instant>>,
    agents: Mutex<BTreeSet<String>>,
}

/// A server that runs for as long as the test.
pub(crate) struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Server {
    pub(crate) fn start(loose: Loose, good: Vec<String>) -> Self {
        Self::with(loose, good, true)
    }

    /// A server that does not answer messages.
    pub(crate) fn mute(loose: Loose, good: Vec<String>) -> Self {
        Self::with(loose, good, false)
    }

    fn with(loose: Loose, good: Vec<String>, answers: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (live, handshakes, agents) = (Mutex::new(0), Mutex::default(), Mutex::default());
        let shared = Arc::new(Shared { loose, good, answers, live, changed: Condvar::new(), handshakes, agents });
        let others = shared.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let shared = others.clone();
                thread::spawn(move || serve(stream, &shared));
            }
        });
        Self { address, shared }
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://{}/ws", self.address)
    }

    /// The user agents of all requests.
    pub(crate) fn agents(&self) -> BTreeSet<String> {
        self.shared.agents.lock().unwrap().clone()
    }

    /// Waits until at least this many sockets are open, or none if zero.
    pub(crate) fn wait_for(&self, sockets: usize) {
        let until = |live: &mut usize| *live != 0 && sockets == 0 || *live < sockets;
        let live = self.shared.live.lock().unwrap();
        let (_live, waited) = self.shared.changed.wait_timeout_while(live, Duration::from_mins(1), until).unwrap();
        assert!(!waited.timed_out(), "there are not {sockets} sockets");
    }
}

/// Counts a connection until it ends.
struct Seat<'a>(&'a Shared);

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        *self.0.live.lock().unwrap() -= 1;
        self.0.changed.notify_all();
    }
}

fn serve(mut stream: TcpStream, shared: &Shared) {
    let seats = shared.sit();
    let _seat = Seat(shared);
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(TICK)).unwrap();
    let mut buffer = Vec::new();
    let Some(head) = head(&mut stream, &mut buffer, shared) else { return };
    let answer = shared.answer(&head, seats);
    if stream.write_all(answer.as_bytes()).is_err() || !answer.starts_with("HTTP/1.1 101") {
        return;
    }
    let known = head.cookie().filter(|token| shared.good.iter().any(|good| good == token));
    let ends = known.map_or(Duration::MAX, |token| Duration::from_secs(left(token)));
    Connection::new(stream, buffer, shared, ends).run();
}

/// Reads the head of a request, with a deadline.
fn head(stream: &mut TcpStream, buffer: &mut Vec<u8>, shared: &Shared) -> Option<Head> {
    let begin = Instant::now();
    loop {
        if let Some(at) = buffer.windows(4).position(|part| part == b"\r\n\r\n") {
            let head = String::from_utf8(buffer.drain(..at + 4).collect()).ok()?;
            return Some(Head(head));
        }
        if begin.elapsed() > SOON && !shared.loose.lets("handshake never finished") {
            return None;
        }
        fill(stream, buffer).ok()?;
    }
}

/// Reads available data. An error is the end of the connection.
fn fill(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Result<(), ()> {
    let mut part = [0; 16 * 1024];
    match stream.read(&mut part) {
        Ok(0) => Err(()),
        Ok(read) => {
            buffer.extend_from_slice(&part[..read]);
            Ok(())
        }
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Ok(()),
        Err(_) => Err(()),
    }
}

/// A request's head.
struct Head(String);

impl Head {
    fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let pairs = self.0.lines().skip(1).filter_map(|line| line.split_once(": "));
        pairs.filter(move |(of, _)| of.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    fn one(&self, name: &str) -> &str {
        self.0
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(": "))
            .find(|(of, _)| of.eq_ignore_ascii_case(name))
            .map_or("", |(_, value)| value)
    }

    fn cookie(&self) -> Option<&str> {
        self.one("cookie").strip_prefix("session=")
    }

    fn is_of(&self, method: &str, path: &str) -> bool {
        self.0.starts_with(&format!("{method} {path}"))
    }
}

const ORIGINS: [&str; 10] = [
    "foreign page",
    "own name as a prefix",
    "own name as a suffix",
    "own name as a user",
    "own name in a path",
    "own name but for a dot",
    "own name, other scheme",
    "own name, other port",
    "null origin",
    "foreign page's POST",
];

impl Shared {
    /// Takes a seat. Returns how many were taken before.
    fn sit(&self) -> usize {
        let mut live = self.live.lock().unwrap();
        *live += 1;
        self.changed.notify_all();
        *live - 1
    }

    fn answer(&self, head: &Head, seats: usize) -> String {
        // The preface of HTTP/2 has no headers yet.
        if !head.is_of("PRI", "*") {
            self.agents.lock().unwrap().insert(head.one("user-agent").to_owned());
        }
        if !self.is_own(head) {
            return "HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n".to_owned();
        }
        if !takes(self.loose, head.cookie(), &self.good) && !self.is_open(head) {
            return "HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n".to_owned();
        }
        if head.is_of("GET", "/api") || head.is_of("POST", "/api") {
            return "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_owned();
        }
        if !self.is_handshake(head) {
            return "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n".to_owned();
        }
        if seats >= SOCKETS && !self.loose.lets("connection flood") || self.are_many() {
            return "HTTP/1.1 429 Too Many Requests\r\ncontent-length: 0\r\n\r\n".to_owned();
        }
        let compresses = !head.one("sec-websocket-extensions").is_empty() && self.loose.lets("compression bomb");
        let extension = if compresses { "sec-websocket-extensions: permessage-deflate\r\n" } else { "" };
        let accept = derive_accept_key(head.one("sec-websocket-key").as_bytes());
        format!(
            "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n{extension}\
             sec-websocket-accept: {accept}\r\n\r\n"
        )
    }

    /// Whether a plain request is let through without a token.
    fn is_open(&self, head: &Head) -> bool {
        let polls = head.0.contains("transport=polling");
        head.is_of("GET", "/api")
            && head.cookie().is_none()
            && self.loose.lets(if polls { "polling without token" } else { "plain request without token" })
    }

    fn is_own(&self, head: &Head) -> bool {
        let origins: Vec<_> = head.all("origin").collect();
        match origins[..] {
            [OWN] => true,
            [] => self.loose.lets("no origin"),
            [_] => self.loose.lets_any(&ORIGINS),
            _ => self.loose.lets("two origins"),
        }
    }

    fn is_handshake(&self, head: &Head) -> bool {
        let connection = head.one("connection").to_ascii_lowercase();
        let upgrades = connection.split(',').any(|token| token.trim() == "upgrade");
        let key = head.one("sec-websocket-key");
        let rules = [
            ("no Connection header", upgrades || connection != "keep-alive"),
            ("look-alike Connection", upgrades || connection == "keep-alive"),
            ("no key", !key.is_empty()),
            ("short key", key.is_empty() || key.len() == 24),
            ("another version", head.one("sec-websocket-version") == "13"),
            ("handshake by POST", head.is_of("GET", "/")),
            ("handshake over HTTP/1.0", head.0.lines().next().is_some_and(|line| line.ends_with("HTTP/1.1"))),
            ("upgrade to h2c", head.one("upgrade") == "websocket"),
        ];
        rules.iter().all(|(attack, kept)| *kept || self.loose.lets(attack))
    }

    fn are_many(&self) -> bool {
        let mut handshakes = self.handshakes.lock().unwrap();
        while handshakes.front().is_some_and(|at| at.elapsed() > Duration::from_secs(10)) {
            handshakes.pop_front();
        }
        handshakes.push_back(Instant::now());
        handshakes.len() > HANDSHAKES && !self.loose.lets("handshake flood")
    }
}

/// A live connection.
struct Connection<'a> {
    stream: TcpStream,
    buffer: Vec<u8>,
    shared: &'a Shared,
    /// When its token expires.
    ends: Duration,
    begin: Instant,
    said: Instant,
    asked: Instant,
    ponged: Instant,
    /// An incomplete message.
    message: Option<(Vec<u8>, Instant)>,
    counts: Counts,
}

#[derive(Default)]
struct Counts {
    messages: usize,
    bytes: usize,
    pings: usize,
    pongs: usize,
    fragments: usize,
    empty: usize,
}

/// Why a connection ends: with this close code, or without one.
enum Over {
    Close(u16),
    Gone,
}

impl<'a> Connection<'a> {
    fn new(stream: TcpStream, buffer: Vec<u8>, shared: &'a Shared, ends: Duration) -> Self {
        let now = Instant::now();
        let wait = (!shared.loose.lets("answers unread")).then_some(SOON);
        stream.set_write_timeout(wait).unwrap();
        let (said, asked, ponged, counts) = (now, now, now, Counts::default());
        Self { stream, buffer, shared, ends, begin: now, said, asked, ponged, message: None, counts }
    }

    fn run(mut self) {
        let over = loop {
            if let Err(over) = self.frames().and_then(|()| self.tick()) {
                break over;
            }
            if fill(&mut self.stream, &mut self.buffer).is_err() {
                return;
            }
        };
        if let Over::Close(code) = over {
            let sent = self.send(0x88, &code.to_be_bytes());
            // Unread data would turn the close into a reset.
            let until = Instant::now() + SOON;
            while sent.is_ok() && Instant::now() < until && fill(&mut self.stream, &mut self.buffer).is_ok() {
                self.buffer.clear();
            }
        }
    }

    fn lets(&self, attack: &str) -> bool {
        self.shared.loose.lets(attack)
    }

    /// Closes the connection, unless the server lets this attack through.
    fn refuse(&self, attack: &str, code: u16) -> Result<(), Over> {
        if self.lets(attack) { Ok(()) } else { Err(Over::Close(code)) }
    }

    fn send(&mut self, first: u8, payload: &[u8]) -> Result<(), Over> {
        let mut out = Vec::new();
        put_frame(&mut out, first, payload, None);
        self.stream.write_all(&out).map_err(|_| Over::Gone)
    }

    fn tick(&mut self) -> Result<(), Over> {
        if self.begin.elapsed() > self.ends {
            self.refuse("outlived token", 3000)?;
        }
        if self.said.elapsed() > SOON && self.message.is_none() {
            self.refuse("nothing is said", 3008)?;
        }
        if self.message.as_ref().is_some_and(|(_, begin)| begin.elapsed() > SOON) {
            self.refuse("message byte by byte", 1009)?;
        }
        if self.asked.elapsed() > SOON / 3 {
            self.asked = Instant::now();
            self.send(0x89, b"there?")?;
        }
        if self.ponged.elapsed() > SOON {
            self.refuse("pings unanswered", 3008)?;
        }
        Ok(())
    }

    fn frames(&mut self) -> Result<(), Over> {
        let mut read = 0;
        let buffer = std::mem::take(&mut self.buffer);
        let mut done = Ok(());
        while let Some(header) = FrameHeader::parse(&buffer[read..]) {
            if header.payload_len() > SIZE as u64 {
                let attack =
                    if header.payload_len() > 1 << 40 { "2^62 bytes declared" } else { "message over the limit" };
                done = self.refuse(attack, 1009);
            }
            let end = header.payload_len().saturating_add((read + header.len()) as u64);
            if done.is_err() || end > buffer.len() as u64 {
                break;
            }
            let end = usize::try_from(end).unwrap();
            // The attacker masks with zeros.
            let payload = buffer[read + header.len()..end].to_vec();
            read = end;
            done = self.frame(&header, payload);
            if done.is_err() {
                break;
            }
        }
        self.buffer = buffer[read..].to_vec();
        done
    }

    fn frame(&mut self, header: &FrameHeader, payload: Vec<u8>) -> Result<(), Over> {
        if header.mask().is_none() {
            self.refuse("unmasked frame", 1002)?;
        }
        if header.rsv2_or_3() || header.rsv1() && !self.lets("compression bomb") {
            self.refuse("reserved bit", 1002)?;
        }
        if header.opcode().is_reserved() {
            return self.refuse("reserved opcode", 1002);
        }
        if header.opcode().is_control() { self.control(header, &payload) } else { self.data(header, payload) }
    }

    fn control(&mut self, header: &FrameHeader, payload: &[u8]) -> Result<(), Over> {
        if payload.len() > 125 {
            return self.refuse("control frame of 126 bytes", 1002);
        }
        if !header.fin() {
            return self.refuse("control frame in fragments", 1002);
        }
        match header.opcode() {
            Opcode::PING => {
                self.counts.pings += 1;
                if self.counts.pings > CONTROL {
                    self.refuse("ping flood", 1008)?;
                }
                self.send(0x8a, payload)
            }
            Opcode::PONG => {
                self.counts.pongs += 1;
                self.ponged = Instant::now();
                if self.counts.pongs > CONTROL { self.refuse("pong flood", 1008) } else { Ok(()) }
            }
            _ if payload == 1005_u16.to_be_bytes() => {
                self.refuse("illegal close code", 1002)?;
                self.send(0x88, payload)?;
                Err(Over::Gone)
            }
            _ => Err(Over::Close(1000)),
        }
    }

    fn data(&mut self, header: &FrameHeader, payload: Vec<u8>) -> Result<(), Over> {
        self.said = Instant::now();
        if header.opcode() == Opcode::CONTINUATION {
            self.counts.fragments += 1;
            self.counts.empty += usize::from(payload.is_empty());
            let Some((message, _)) = &mut self.message else { return self.refuse("continuation of nothing", 1002) };
            message.extend(&payload);
            if payload.is_empty() && self.counts.empty > CONTROL {
                self.refuse("empty continuation flood", 1008)?;
            }
            if !payload.is_empty() && self.counts.fragments > CONTROL {
                self.refuse("one-byte fragment flood", 1008)?;
            }
        } else {
            if self.message.is_some() {
                self.refuse("message inside a message", 1002)?;
            }
            self.message = Some((payload, Instant::now()));
        }
        let size = self.message.as_ref().map_or(0, |(message, _)| message.len());
        if size > SIZE {
            self.refuse(
                if header.starts_message() { "message over the limit" } else { "over the limit in fragments" },
                1009,
            )?;
        }
        if header.fin() { self.message() } else { Ok(()) }
    }

    fn message(&mut self) -> Result<(), Over> {
        let (message, _) = self.message.take().unwrap();
        self.counts.messages += 1;
        self.counts.bytes += message.len();
        if self.counts.messages > BURST {
            self.refuse("message flood", 1008)?;
        }
        if self.counts.bytes > BYTES {
            self.refuse("byte flood", 1008)?;
        }
        if std::str::from_utf8(&message).is_err() {
            self.refuse("text that is not UTF-8", 1007)?;
        }
        if self.shared.answers { self.send(0x81, &message) } else { Ok(()) }
    }
}
