//! What attacks of one kind have in common: a weakness, the advice of OWASP's cheat sheet, and the remedy.

/// A kind of attack.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) name: &'static str,
    /// The number in the list at cwe.mitre.org.
    pub(super) cwe: u16,
    /// The section of OWASP's WebSocket Security Cheat Sheet, and its advice.
    pub(super) owasp: &'static str,
    pub(super) remedy: &'static str,
    pub(super) portcullis: &'static str,
}

pub(super) const POLITE: Group = Group {
    name: "polite",
    cwe: 0,
    owasp: "none: a server that refuses every client is useless",
    remedy: "loosen the limit that turned the client away, or state the limits that the server has",
    portcullis: "`report_only()` on a layer shows what it would refuse",
};

pub(super) const ORIGIN: Group = Group {
    name: "origin",
    cwe: 1385,
    owasp: "Origin Header Validation: compare `Origin` with a list of whole origins in every handshake, never with a \
            substring",
    remedy: "compare scheme, host and port of the one `Origin` header with a list, and refuse everything else with 403",
    portcullis: "`OriginLayer::new([\"https://app.example.com\"])?`, which parses strictly and refuses `null`",
};

pub(super) const TOKEN: Group = Group {
    name: "token",
    cwe: 287,
    owasp: "Authentication and Authorization: a WebSocket has no authentication of its own, so the handshake or the \
            first message must bring one",
    remedy: "verify signature, algorithm, `exp`, issuer and audience before the handshake is accepted",
    portcullis: "`JwtLayer::<Claims>::new(Verifier::hs256(secret).issuer(..).audience(..).build()?)`",
};

pub(super) const SIGNATURE: Group = Group {
    name: "token",
    cwe: 347,
    owasp: "Authentication and Authorization: a token proves nothing until its signature is verified",
    remedy: "pin the algorithm to the key, and use nothing from a token before its signature is verified",
    portcullis: "`Verifier`, which pins algorithms to keys and does not support `none`",
};

pub(super) const EXPIRY: Group = Group {
    name: "token",
    cwe: 613,
    owasp: "Session Management: close a connection when the session behind it ends",
    remedy: "check `exp` in the handshake, and close the live connection when it comes",
    portcullis: "`JwtLayer`, which closes with 3000 at `exp` unless `Session::renew` was called",
};

pub(super) const RATE: Group = Group {
    name: "rate",
    cwe: 770,
    owasp: "Denial-of-Service Protection: limit the rate of messages; a hundred per minute is a start",
    remedy: "count messages, bytes, control frames and fragments per client below the library, and close with 1008",
    portcullis: "`MessageRateLayer::per_second(20).burst(40)`, with a `byte_quota` where bytes cost",
};

pub(super) const CONNECTIONS: Group = Group {
    name: "connections",
    cwe: 770,
    owasp: "Denial-of-Service Protection: limit connections in total and per user, or per address",
    remedy: "limit live sockets and new handshakes per client, and answer excess ones with 429 or 503",
    portcullis: "`ConnectionLimitLayer::new().global(10_000).per_client_ip(100)` and `HandshakeRateLayer`",
};

pub(super) const FRAMES: Group = Group {
    name: "frames",
    cwe: 20,
    owasp: "Input Validation: treat everything that comes over a socket as hostile",
    remedy: "use a library that passes Autobahn's tests, and let it fail the connection with 1002 or 1007",
    portcullis: "every layer that holds the connection enforces RFC 6455's framing and closes with 1002",
};

pub(super) const SIZE: Group = Group {
    name: "size",
    cwe: 789,
    owasp: "Denial-of-Service Protection: limit the size of messages; 64 KiB is enough for most",
    remedy: "set the library's limits for frames and for whole messages, including fragments",
    portcullis: "`MessageSizeLayer::new(64 * 1024)`, which counts fragments and closes with 1009",
};

pub(super) const COMPRESSION: Group = Group {
    name: "size",
    cwe: 409,
    owasp: "WebSocket Protocol Configuration: switch permessage-deflate off unless it is needed",
    remedy: "decline permessage-deflate, or limit the inflated size of messages",
    portcullis: "`MessageSizeLayer`, which removes the offer from the handshake",
};

pub(super) const SILENCE: Group = Group {
    name: "silence",
    cwe: 400,
    owasp: "Denial-of-Service Protection: close connections that are idle or dead, and detect dead ones with pings",
    remedy: "send pings, close idle connections, and set deadlines for handshakes, messages and writes",
    portcullis: "`KeepAliveLayer`, `IdleTimeoutLayer`, `MessageSizeLayer::timeout`, `WriteTimeoutLayer`",
};

pub(super) const SMUGGLING: Group = Group {
    name: "smuggling",
    cwe: 444,
    owasp: "WebSocket Protocol Configuration: speak RFC 6455 and nothing older or looser",
    remedy: "accept a handshake only if its method, its versions, `Connection`, `Upgrade` and its key are RFC 6455's",
    portcullis: "the layers check every request that a library could take for a handshake, and remove other upgrades",
};

pub(super) const BESIDE: Group = Group {
    name: "beside",
    cwe: 306,
    owasp: "Authentication and Authorization: plain requests of a fallback need the same checks as the socket",
    remedy: "put the same authentication in front of plain routes, including polling",
    portcullis: "`JwtLayer`, which authenticates plain requests as well unless `handshakes_only()` is set",
};

pub(super) const TRANSPORT: Group = Group {
    name: "transport",
    cwe: 319,
    owasp: "Transport Security: use wss:// and never ws:// in production",
    remedy: "terminate TLS in front of the server, and redirect or refuse plain connections",
    portcullis: "none: this is up to the listener or the proxy",
};

pub(super) const LOGS: Group = Group {
    name: "token",
    cwe: 598,
    owasp: "Session Management: tokens in a query end up in access logs and must be redacted",
    remedy: "send the token as a subprotocol, a cookie or a first message, or keep the query out of every log",
    portcullis: "`JwtLayer::query`, which removes the token from the URI before inner services can log it",
};
