//! Who attacks, and who does not: a client of one server, with the token and the words of a legitimate one.

use std::{net::TcpStream, sync::Arc, time::Duration};

use rustls::{ClientConfig, pki_types::ServerName};
use socket2::{Domain, Socket, Type};
use tungstenite::handshake::derive_accept_key;

use super::{caps, facts::Facts, hello::Hello, limits::Limits, scope::Scope, verdict::Judged};
use crate::{
    Result,
    raw::{Answer, Heard, Left, PATIENCE, Raw, Streams, Wire, frame},
    saw::Saw,
};

/// How long a server may greet a client, or answer what it says first.
const SETTLE: Duration = Duration::from_millis(300);

/// What an attacker's ping says, so that its pong shows that all before it was read.
pub(super) const MARK: &[u8] = b"portcullis";

/// What one attack is run with.
pub(super) struct Client {
    pub(super) scope: Scope,
    pub(super) facts: Facts,
    pub(super) limits: Limits,
    tls: Option<Arc<ClientConfig>>,
    /// How the server treats a legitimate client.
    manners: Manners,
    /// Its sockets are streams of HTTP/2.
    http2: bool,
    left: Arc<Left>,
}

/// How a server treats a legitimate client.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Manners {
    /// Whether it answers the legal message.
    pub(super) answers: bool,
    /// Whether it says something before the client does.
    greets: bool,
}

/// What came of a handshake.
pub(super) enum Entry {
    Open(Raw, Answer),
    Refused(Answer),
    Ended(String),
}

/// What came of a legal message.
pub(super) enum Talk {
    Answered,
    Silent,
    Ended(String),
}

impl Client {
    pub(super) fn new(scope: Scope, facts: Facts, limits: Limits, tls: Option<Arc<ClientConfig>>) -> Self {
        Self { scope, facts, limits, tls, manners: Manners::default(), http2: false, left: caps::attack() }
    }

    /// The same client for another attack, which has caps of its own.
    pub(super) fn afresh(&self) -> Self {
        let (scope, facts, limits) = (self.scope.clone(), self.facts.clone(), self.limits.clone());
        let (tls, manners, http2) = (self.tls.clone(), self.manners, self.http2);
        Self { scope, facts, limits, tls, manners, http2, left: caps::attack() }
    }

    /// The same client in the same attack, whose sockets are streams of HTTP/2.
    pub(super) fn over_http2(&self) -> Self {
        Self { http2: true, left: self.left.clone(), ..self.afresh() }
    }

    /// Learns how the server treats a legitimate client.
    ///
    /// # Errors
    ///
    /// A sentence, if it does not let one in.
    pub(super) fn learn(mut self) -> std::result::Result<Self, String> {
        let hello = self.hello();
        let address = self.scope.address;
        let entry = self.enter(&hello).map_err(|error| format!("{address} does not answer as a server: {error}"))?;
        let mut raw = match entry {
            Entry::Open(raw, answer)
                if answer.header("sec-websocket-accept") == Some(&derive_accept_key(hello.key().as_bytes())) =>
            {
                raw
            }
            Entry::Open(..) => {
                return Err(format!("{address} is no WebSocket server: its 101 has not the right accept"));
            }
            Entry::Refused(answer) => return Err(refused(&answer, self.facts.token.is_some())),
            Entry::Ended(how) => return Err(format!("the server ended the polite client's handshake: {how}")),
        };
        let greeting = raw.exchange(&[], SETTLE, |_| false);
        self.manners.greets = greeting.messages + greeting.others > 0;
        match self.talk(&mut raw, &hello) {
            Talk::Answered => self.manners.answers = true,
            Talk::Silent => {}
            Talk::Ended(how) => return Err(format!("the server closed the polite client: {how}")),
        }
        Ok(self)
    }

    pub(super) fn manners(&self) -> Manners {
        self.manners
    }

    /// A legitimate handshake.
    pub(super) fn hello(&self) -> Hello {
        self.hello_with(self.facts.token.as_deref())
    }

    /// The same with another token, or none.
    pub(super) fn hello_with(&self, token: Option<&str>) -> Hello {
        Hello::new(&self.scope, &self.facts, token)
    }

    /// A connection on which nothing was said.
    pub(super) fn dial(&self) -> Result<Raw> {
        self.wrap(Wire::connect(self.scope.address)?)
    }

    /// The same, with little room for what the server sends.
    fn dial_narrow(&self) -> Result<Raw> {
        let address = self.scope.address;
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        socket.set_recv_buffer_size(8 * 1024)?;
        socket.connect_timeout(&address.into(), PATIENCE)?;
        let stream = TcpStream::from(socket);
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        self.wrap(stream)
    }

    /// A connection over HTTP/2 to a server that offers WebSockets over it. Why not, else.
    pub(super) fn dial_http2(&self) -> std::result::Result<Streams, &'static str> {
        let wire = Wire::connect(self.scope.address).map_err(Into::into).and_then(|wire| self.secure(wire, b"h2"));
        let mut streams = wire.and_then(Streams::open).map_err(|_| "HTTP/2 is not spoken")?;
        if streams.offers_websockets() { Ok(streams) } else { Err("no WebSocket over HTTP/2 is offered") }
    }

    /// Wraps a connection in TLS, if that is spoken here, and in this attack's caps.
    fn secure(&self, stream: TcpStream, protocol: &[u8]) -> Result<Wire> {
        let allowance = self.left.socket()?;
        let wire = match &self.tls {
            Some(config) => {
                let name = ServerName::try_from(self.scope.host.clone())?;
                let mut config = ClientConfig::clone(config);
                config.alpn_protocols = vec![protocol.to_vec()];
                Wire::secure(stream, Arc::new(config), name).map_err(|error| format!("TLS: {error}"))?
            }
            None => Wire::plain(stream),
        };
        Ok(wire.within(allowance))
    }

    fn wrap(&self, stream: TcpStream) -> Result<Raw> {
        Ok(self.raw(self.secure(stream, b"http/1.1")?))
    }

    fn raw(&self, wire: Wire) -> Raw {
        let reply = self.facts.reply.clone();
        let raw = Raw::new(wire).expecting(self.facts.answer.as_bytes());
        raw.replying(reply.map(|(asked, said)| (asked.into_bytes(), said.into_bytes())))
    }

    /// Sends a handshake and reads its answer.
    pub(super) fn enter(&self, hello: &Hello) -> Result<Entry> {
        if self.http2 { self.enter_http2(hello) } else { self.enter_on(self.dial()?, hello) }
    }

    fn enter_http2(&self, hello: &Hello) -> Result<Entry> {
        let mut streams = self.dial_http2()?;
        let scheme = if self.scope.secure { "https" } else { "http" };
        let status = streams.ask(scheme, hello.target(), &self.scope.authority, &hello.http2())?;
        Ok(match status {
            Some(status @ 200..=299) => Entry::Open(self.raw(streams.tunnel()), Answer::of(status)),
            Some(status) => Entry::Refused(Answer::of(status)),
            None => Entry::Ended("the stream was refused".to_owned()),
        })
    }

    #[allow(clippy::unused_self, reason = "a handshake is the client's")]
    fn enter_on(&self, mut raw: Raw, hello: &Hello) -> Result<Entry> {
        raw.send(&hello.bytes())?;
        Ok(match raw.head() {
            Ok(answer) if answer.status == 101 => Entry::Open(raw, answer),
            Ok(answer) => Entry::Refused(answer),
            Err(error) => Entry::Ended(format!("no answer: {error}")),
        })
    }

    /// A socket of a legitimate client that has said what comes first.
    pub(super) fn open(&self) -> Result<Raw> {
        self.open_with(&self.hello())
    }

    /// The same, with little room for what the server sends.
    pub(super) fn open_narrow(&self) -> Result<Raw> {
        let hello = self.hello();
        self.opened(self.enter_on(self.dial_narrow()?, &hello)?, &hello)
    }

    /// The same with another handshake, which must be let in.
    pub(super) fn open_with(&self, hello: &Hello) -> Result<Raw> {
        self.opened(self.enter(hello)?, hello)
    }

    fn opened(&self, entry: Entry, hello: &Hello) -> Result<Raw> {
        match entry {
            Entry::Open(mut raw, _) => match self.settle(&mut raw, hello) {
                Some(how) => Err(format!("the polite client was closed: {how}").into()),
                None => Ok(raw),
            },
            Entry::Refused(answer) => Err(format!("the polite client was refused: HTTP {}", answer.status).into()),
            Entry::Ended(how) => Err(format!("the polite client was ended: {how}").into()),
        }
    }

    /// Says what comes first, and waits for what the server says to it. Returns how the connection ended, if it did.
    fn settle(&self, raw: &mut Raw, hello: &Hello) -> Option<String> {
        if hello.first.is_empty() && !self.manners.greets {
            return None;
        }
        let mut bytes = Vec::new();
        for text in &hello.first {
            frame(&mut bytes, 0x81, text.as_bytes());
        }
        ended(&raw.exchange(&bytes, SETTLE, |_| false))
    }

    /// Says the legal message on a socket that was just opened.
    pub(super) fn talk(&self, raw: &mut Raw, hello: &Hello) -> Talk {
        match self.settle(raw, hello) {
            Some(how) => Talk::Ended(how),
            None => self.say(raw),
        }
    }

    /// Says the legal message.
    pub(super) fn say(&self, raw: &mut Raw) -> Talk {
        let mut bytes = Vec::new();
        frame(&mut bytes, 0x81, self.facts.message.as_bytes());
        let heard = raw.exchange(&bytes, PATIENCE, |heard| heard.messages > 0);
        match ended(&heard) {
            _ if heard.messages > 0 => Talk::Answered,
            Some(how) => Talk::Ended(how),
            None => Talk::Silent,
        }
    }

    /// Whether a handshake lets in whoever sends it.
    pub(super) fn judge(&self, hello: &Hello) -> Result<Judged> {
        let (mut raw, status) = match self.enter(hello)? {
            Entry::Open(raw, answer) => (raw, answer.status),
            Entry::Refused(answer) => return Ok(not_upgraded(&answer)),
            Entry::Ended(how) => return Ok(Judged::stopped(how)),
        };
        Ok(match self.talk(&mut raw, hello) {
            Talk::Answered => Judged::through(format!("HTTP {status}, and the message was answered")),
            Talk::Ended(how) => Judged::stopped(format!("HTTP {status}, then {how}")),
            Talk::Silent if self.manners.answers => {
                Judged::unclear(format!("HTTP {status}, and no answer to a message that the own page is answered"))
            }
            Talk::Silent => Judged::through(format!("HTTP {status}, and open, as for the own page")),
        })
    }

    /// Sends bytes on a legitimate client's socket, and a ping behind them.
    pub(super) fn volley(&self, bytes: &[u8], patience: Duration) -> Result<Heard> {
        let mut raw = self.open()?;
        Ok(marked(&mut raw, bytes, patience))
    }
}

/// Sends bytes and a ping behind them, and hears up to its pong or the end.
pub(super) fn marked(raw: &mut Raw, bytes: &[u8], patience: Duration) -> Heard {
    let mut bytes = bytes.to_vec();
    frame(&mut bytes, 0x89, MARK);
    raw.exchange(&bytes, patience, |heard| heard.pong == MARK)
}

/// How a connection ended, if it did.
pub(super) fn ended(heard: &Heard) -> Option<String> {
    heard.end.is_some().then(|| Saw::from(heard.clone()).to_string())
}

/// What is said of an answer that is no upgrade. A client that was too fast is refused in the same way.
pub(super) fn not_upgraded(answer: &Answer) -> Judged {
    match answer.status {
        429 | 503 => Judged::unclear(format!("HTTP {}, which may be for its rate", answer.status)),
        status => Judged::stopped(format!("HTTP {status}")),
    }
}

fn refused(answer: &Answer, token: bool) -> String {
    match answer.status {
        401 | 403 if !token => {
            format!("the polite client was refused with HTTP {}: name a token, or the page's origin", answer.status)
        }
        401 | 403 => format!("the polite client was refused with HTTP {}: its token or origin is wrong", answer.status),
        429 | 503 => format!("the polite client was refused with HTTP {}: there is no room", answer.status),
        status => format!("there is no WebSocket at this URL: it was answered with HTTP {status}"),
    }
}
