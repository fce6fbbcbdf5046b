//! A legitimate handshake, which an attack changes before sending it.

use std::fmt::Write as _;

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{
    facts::{Facts, HOLE, Place},
    scope::Scope,
};

/// The `User-Agent` of every request, which identifies the audit.
const USER_AGENT: &str =
    concat!("portcullis-siege/", env!("CARGO_PKG_VERSION"), " (security audit by this server's operator)");

/// One request.
#[derive(Clone)]
pub(super) struct Handshake {
    method: &'static str,
    target: String,
    version: &'static str,
    headers: Vec<(String, String)>,
    /// The first messages, once the socket is open.
    pub(super) first: Vec<String>,
}

impl Handshake {
    /// The handshake of a legitimate client with this token.
    pub(super) fn new(scope: &Scope, facts: &Facts, token: Option<&str>) -> Self {
        let mut handshake = Self::plain(scope, facts, &scope.target);
        let key = STANDARD.encode(fastrand::u128(..).to_be_bytes());
        for (name, value) in
            [("connection", "Upgrade"), ("upgrade", "websocket"), ("sec-websocket-version", "13"), (KEY, key.as_str())]
        {
            handshake.headers.push((name.into(), value.into()));
        }
        if let Some(subprotocol) = &facts.subprotocol {
            handshake.headers.push((PROTOCOL.into(), subprotocol.clone()));
        }
        handshake.first = first(facts, token);
        handshake.with_token(&facts.place, token)
    }

    /// A request without an upgrade and without a token.
    pub(super) fn plain(scope: &Scope, facts: &Facts, target: &str) -> Self {
        let fixed = [("host", &scope.authority), ("user-agent", &USER_AGENT.to_owned()), ("origin", &facts.origin)];
        let fixed = fixed.map(|(name, value)| (name.to_owned(), value.clone()));
        let headers = fixed.into_iter().chain(facts.headers.iter().cloned()).collect();
        Self { method: "GET", target: target.to_owned(), version: "HTTP/1.1", headers, first: Vec::new() }
    }

    /// Adds a token in its place.
    pub(super) fn with_token(self, place: &Place, token: Option<&str>) -> Self {
        let Some(token) = token else { return self };
        match place {
            Place::Bearer => self.with("authorization", &format!("Bearer {token}")),
            Place::Cookie(name) => self.with("cookie", &format!("{name}={token}")),
            Place::Query(name) => self.asking(&format!("{name}={token}")),
            Place::Subprotocol(marker) => self.offering(&format!("{marker}, {token}")),
            Place::Message => self,
        }
    }

    /// Adds a pair to the query.
    pub(super) fn asking(mut self, pair: &str) -> Self {
        let mark = if self.target.contains('?') { '&' } else { '?' };
        let _never_fails = write!(self.target, "{mark}{pair}");
        self
    }

    /// Offers these subprotocols before the existing ones.
    fn offering(self, offered: &str) -> Self {
        match self.header(PROTOCOL).map(|others| format!("{offered}, {others}")) {
            Some(all) => self.set(PROTOCOL, &all),
            None => self.with(PROTOCOL, offered),
        }
    }

    /// Adds a header.
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Removes the headers of this name.
    pub(super) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(of, _)| !of.eq_ignore_ascii_case(name));
        self
    }

    /// Replaces the headers of this name.
    pub(super) fn set(self, name: &str, value: &str) -> Self {
        self.without(name).with(name, value)
    }

    pub(super) fn by(self, method: &'static str) -> Self {
        Self { method, ..self }
    }

    pub(super) fn over(self, version: &'static str) -> Self {
        Self { version, ..self }
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(of, _)| of.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub(super) fn target(&self) -> &str {
        &self.target
    }

    /// Its headers for HTTP/2, with names in lower case: without those that do not exist there.
    pub(super) fn http2(&self) -> Vec<(&str, &str)> {
        let omitted = ["host", "connection", "upgrade", KEY, "sec-websocket-version"];
        let headers = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        headers.filter(|(name, _)| !omitted.contains(name)).collect()
    }

    /// The key, to check the response.
    pub(super) fn key(&self) -> &str {
        self.header(KEY).unwrap_or_default()
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut head = format!("{} {} {}\r\n", self.method, self.target, self.version);
        for (name, value) in &self.headers {
            let _never_fails = write!(head, "{name}: {value}\r\n");
        }
        head.push_str("\r\n");
        head.into_bytes()
    }
}

const KEY: &str = "sec-websocket-key";
const PROTOCOL: &str = "sec-websocket-protocol";

/// The first messages, with the token in its place. Without a token, messages with a place for it are omitted.
fn first(facts: &Facts, token: Option<&str>) -> Vec<String> {
    let messages = facts.first.iter();
    messages
        .filter_map(|text| match token {
            Some(token) => Some(text.replace(HOLE, token)),
            None => (!text.contains(HOLE)).then(|| text.clone()),
        })
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn sent(place: &str, token: Option<&str>, first: &[&str]) -> (String, Vec<String>) {
        let scope = Scope::of("ws://127.0.0.1:80/ws?room=7", None, |_, _| Ok(vec!["127.0.0.1:80".parse().unwrap()]));
        let facts = Facts {
            origin: "https://chat.example".to_owned(),
            place: Place::parse(place).unwrap(),
            headers: vec![("x-tenant".to_owned(), "seven".to_owned())],
            subprotocol: Some("chat.v1".to_owned()),
            first: first.iter().map(|text| (*text).to_owned()).collect(),
            ..Facts::default()
        };
        let handshake = Handshake::new(&scope.unwrap(), &facts, token);
        (String::from_utf8(handshake.bytes()).unwrap(), handshake.first)
    }

    #[test]
    fn a_token_is_put_in_its_place_with_headers_and_the_subprotocol() {
        for (place, line) in [
            ("bearer", "\r\nauthorization: Bearer t0ken\r\n"),
            ("cookie:sid", "\r\ncookie: sid=t0ken\r\n"),
            ("query:key", "GET /ws?room=7&key=t0ken HTTP/1.1\r\n"),
            ("subprotocol:jwt", "\r\nsec-websocket-protocol: jwt, t0ken, chat.v1\r\n"),
        ] {
            let (head, _) = sent(place, Some("t0ken"), &[]);
            assert!(head.contains(line), "{place}: {head}");
            assert!(head.contains("\r\nx-tenant: seven\r\n") && head.contains("chat.v1"), "{place}: {head}");
            assert!(head.contains("\r\nuser-agent: portcullis-siege/"), "{place}: {head}");
            let (head, _) = sent(place, None, &[]);
            assert!(!head.contains("t0ken") && head.contains("\r\nsec-websocket-protocol: chat.v1\r\n"), "{head}");
        }
    }

    #[test]
    fn first_messages_contain_the_token_or_are_omitted() {
        let first = ["hi", "auth {token}"];
        assert_eq!(sent("message", Some("t0ken"), &first).1, ["hi", "auth t0ken"]);
        assert_eq!(sent("message", None, &first).1, ["hi"]);
    }
}
