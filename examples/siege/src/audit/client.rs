//! The client that attacks, and that behaves legitimately: it has the token and the messages of a legitimate client.

use std::{net::TcpStream, sync::Arc, time::Duration};

use rustls::{ClientConfig, pki_types::ServerName};
use socket2::{Domain, Socket, Type};
use tungstenite::handshake::derive_accept_key;

use super::{caps, facts::Facts, handshake::Handshake, limits::Limits, scope::Scope, verdict::Judged};
use crate::{
    Result,
    observation::Observation,
    raw::{Answer, Budget, PATIENCE, Raw, Received, Streams, Wire, frame},
};

/// How long a server may take to greet a client, or to answer its first messages.
const SETTLE: Duration = Duration::from_millis(300);

/// The payload of an attacker's ping. Its pong shows that everything before it was read.
pub(super) const MARK: &[u8] = b"portcullis";

/// A client for one attack.
pub(super) struct Client {
    pub(super) scope: Scope,
    pub(super) facts: Facts,
    pub(super) limits: Limits,
    tls: Option<Arc<ClientConfig>>,
    /// How the server treats a legitimate client.
    behaviour: Behaviour,
    /// Whether its sockets are HTTP/2 streams.
    http2: bool,
    left: Arc<Budget>,
}

/// How a server treats a legitimate client.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Behaviour {
    /// Whether it answers the legal message.
    pub(super) answers: bool,
    /// Whether it sends something before the client does.
    greets: bool,
}

/// The outcome of a handshake.
pub(super) enum Entry {
    Open(Raw, Answer),
    Refused(Answer),
    Ended(String),
}

/// The outcome of a legal message.
pub(super) enum Talk {
    Answered,
    Silent,
    Ended(String),
}

impl Client {
    pub(super) fn new(scope: Scope, facts: Facts, limits: Limits, tls: Option<Arc<ClientConfig>>) -> Self {
        Self { scope, facts, limits, tls, behaviour: Behaviour::default(), http2: false, left: caps::attack() }
    }

    /// The same client for another attack, with a new budget.
    pub(super) fn afresh(&self) -> Self {
        let (scope, facts, limits) = (self.scope.clone(), self.facts.clone(), self.limits.clone());
        let (tls, behaviour, http2) = (self.tls.clone(), self.behaviour, self.http2);
        Self { scope, facts, limits, tls, behaviour, http2, left: caps::attack() }
    }

    /// The same client in the same attack, with HTTP/2 streams as its sockets.
    pub(super) fn over_http2(&self) -> Self {
        Self { http2: true, left: self.left.clone(), ..self.afresh() }
    }

    /// Learns how the server treats a legitimate client.
    ///
    /// # Errors
    ///
    /// A message for the user, if the server does not admit one.
    pub(super) fn learn(mut self) -> std::result::Result<Self, String> {
        let handshake = self.handshake();
        let address = self.scope.address;
        let entry =
            self.enter(&handshake).map_err(|error| format!("{address} does not respond like a server: {error}"))?;
        let mut raw = match entry {
            Entry::Open(raw, answer)
                if answer.header("sec-websocket-accept") == Some(&derive_accept_key(handshake.key().as_bytes())) =>
            {
                raw
            }
            Entry::Open(..) => {
                return Err(format!("{address} is not a WebSocket server: its 101 has the wrong accept"));
            }
            Entry::Refused(answer) => return Err(refused(&answer, self.facts.token.is_some())),
            Entry::Ended(how) => return Err(format!("the server ended the legitimate client's handshake: {how}")),
        };
        let greeting = raw.exchange(&[], SETTLE, |_| false);
        self.behaviour.greets = greeting.messages + greeting.others > 0;
        match self.talk(&mut raw, &handshake) {
            Talk::Answered => self.behaviour.answers = true,
            Talk::Silent => {}
            Talk::Ended(how) => return Err(format!("the server closed the legitimate client: {how}")),
        }
        Ok(self)
    }

    pub(super) fn behaviour(&self) -> Behaviour {
        self.behaviour
    }

    /// A legitimate handshake.
    pub(super) fn handshake(&self) -> Handshake {
        self.handshake_with(self.facts.token.as_deref())
    }

    /// The same with another token, or none.
    pub(super) fn handshake_with(&self, token: Option<&str>) -> Handshake {
        Handshake::new(&self.scope, &self.facts, token)
    }

    /// A connection on which nothing was sent.
    pub(super) fn dial(&self) -> Result<Raw> {
        self.wrap(Wire::connect(self.scope.address)?)
    }

    /// The same, with a small receive buffer.
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

    /// An HTTP/2 connection to a server that offers WebSockets over it. Otherwise, why not.
    pub(super) fn dial_http2(&self) -> std::result::Result<Streams, &'static str> {
        let wire = Wire::connect(self.scope.address).map_err(Into::into).and_then(|wire| self.secure(wire, b"h2"));
        let mut streams = wire.and_then(Streams::open).map_err(|_| "HTTP/2 is not supported")?;
        if streams.offers_websockets() { Ok(streams) } else { Err("WebSockets over HTTP/2 are not offered") }
    }

    /// Wraps a connection in TLS, if the URL is wss, and in the budget of this attack.
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
        raw.replying(reply.map(|(ping, pong)| (ping.into_bytes(), pong.into_bytes())))
    }

    /// Sends a handshake and reads the response.
    pub(super) fn enter(&self, handshake: &Handshake) -> Result<Entry> {
        if self.http2 { self.enter_http2(handshake) } else { self.enter_on(self.dial()?, handshake) }
    }

    fn enter_http2(&self, handshake: &Handshake) -> Result<Entry> {
        let mut streams = self.dial_http2()?;
        let scheme = if self.scope.secure { "https" } else { "http" };
        let status = streams.ask(scheme, handshake.target(), &self.scope.authority, &handshake.http2())?;
        Ok(match status {
            Some(status @ 200..=299) => Entry::Open(self.raw(streams.tunnel()), Answer::of(status)),
            Some(status) => Entry::Refused(Answer::of(status)),
            None => Entry::Ended("the stream was refused".to_owned()),
        })
    }

    #[allow(clippy::unused_self, reason = "a handshake is the client's")]
    fn enter_on(&self, mut raw: Raw, handshake: &Handshake) -> Result<Entry> {
        raw.send(&handshake.bytes())?;
        Ok(match raw.head() {
            Ok(answer) if answer.status == 101 => Entry::Open(raw, answer),
            Ok(answer) => Entry::Refused(answer),
            Err(error) => Entry::Ended(format!("no response: {error}")),
        })
    }

    /// A socket of a legitimate client that has sent its first messages.
    pub(super) fn open(&self) -> Result<Raw> {
        self.open_with(&self.handshake())
    }

    /// The same, with a small receive buffer.
    pub(super) fn open_narrow(&self) -> Result<Raw> {
        let handshake = self.handshake();
        self.opened(self.enter_on(self.dial_narrow()?, &handshake)?, &handshake)
    }

    /// The same with another handshake, which must be admitted.
    pub(super) fn open_with(&self, handshake: &Handshake) -> Result<Raw> {
        self.opened(self.enter(handshake)?, handshake)
    }

    fn opened(&self, entry: Entry, handshake: &Handshake) -> Result<Raw> {
        match entry {
            Entry::Open(mut raw, _) => match self.settle(&mut raw, handshake) {
                Some(how) => Err(format!("the legitimate client was closed: {how}").into()),
                None => Ok(raw),
            },
            Entry::Refused(answer) => Err(format!("the legitimate client was refused: HTTP {}", answer.status).into()),
            Entry::Ended(how) => Err(format!("the legitimate client was ended: {how}").into()),
        }
    }

    /// Sends the first messages, and waits for the answers. Returns how the connection ended, if it did.
    fn settle(&self, raw: &mut Raw, handshake: &Handshake) -> Option<String> {
        if handshake.first.is_empty() && !self.behaviour.greets {
            return None;
        }
        let mut bytes = Vec::new();
        for text in &handshake.first {
            frame(&mut bytes, 0x81, text.as_bytes());
        }
        ended(&raw.exchange(&bytes, SETTLE, |_| false))
    }

    /// Sends the legal message on a socket that was just opened.
    pub(super) fn talk(&self, raw: &mut Raw, handshake: &Handshake) -> Talk {
        match self.settle(raw, handshake) {
            Some(how) => Talk::Ended(how),
            None => self.say(raw),
        }
    }

    /// Sends the legal message.
    pub(super) fn say(&self, raw: &mut Raw) -> Talk {
        let mut bytes = Vec::new();
        frame(&mut bytes, 0x81, self.facts.message.as_bytes());
        let received = raw.exchange(&bytes, PATIENCE, |received| received.messages > 0);
        match ended(&received) {
            _ if received.messages > 0 => Talk::Answered,
            Some(how) => Talk::Ended(how),
            None => Talk::Silent,
        }
    }

    /// Judges whether a handshake is admitted.
    pub(super) fn judge(&self, handshake: &Handshake) -> Result<Judged> {
        let (mut raw, status) = match self.enter(handshake)? {
            Entry::Open(raw, answer) => (raw, answer.status),
            Entry::Refused(answer) => return Ok(not_upgraded(&answer)),
            Entry::Ended(how) => return Ok(Judged::stopped(how)),
        };
        Ok(match self.talk(&mut raw, handshake) {
            Talk::Answered => Judged::through(format!("HTTP {status}, and the message was answered")),
            Talk::Ended(how) => Judged::stopped(format!("HTTP {status}, then {how}")),
            Talk::Silent if self.behaviour.answers => {
                Judged::unclear(format!("HTTP {status}, but no answer to a message that is answered for the own page"))
            }
            Talk::Silent => Judged::through(format!("HTTP {status}, and open, as for the own page")),
        })
    }

    /// Sends bytes and a ping on the socket of a legitimate client.
    pub(super) fn volley(&self, bytes: &[u8], patience: Duration) -> Result<Received> {
        let mut raw = self.open()?;
        Ok(marked(&mut raw, bytes, patience))
    }
}

/// Sends bytes and a ping, and receives up to the pong or the end.
pub(super) fn marked(raw: &mut Raw, bytes: &[u8], patience: Duration) -> Received {
    let mut bytes = bytes.to_vec();
    frame(&mut bytes, 0x89, MARK);
    raw.exchange(&bytes, patience, |received| received.pong == MARK)
}

/// How a connection ended, if it did.
pub(super) fn ended(received: &Received) -> Option<String> {
    received.end.is_some().then(|| Observation::from(received.clone()).to_string())
}

/// The verdict on a response that is not an upgrade. A client that exceeds a rate is refused in the same way.
pub(super) fn not_upgraded(answer: &Answer) -> Judged {
    match answer.status {
        429 | 503 => Judged::unclear(format!("HTTP {}, which may be a rate limit", answer.status)),
        status => Judged::stopped(format!("HTTP {status}")),
    }
}

fn refused(answer: &Answer, token: bool) -> String {
    match answer.status {
        401 | 403 if !token => {
            format!(
                "the legitimate client was refused with HTTP {}: give a token, or the origin of the page",
                answer.status
            )
        }
        401 | 403 => {
            format!("the legitimate client was refused with HTTP {}: its token or origin is wrong", answer.status)
        }
        429 | 503 => format!("the legitimate client was refused with HTTP {}: there is no room", answer.status),
        status => format!("there is no WebSocket at this URL: the response was HTTP {status}"),
    }
}
