//! A handshake, polite at first, that an attack changes before it is sent.

use std::fmt::Write as _;

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{
    facts::{Facts, HOLE, Place},
    scope::Scope,
};

/// What an audit says of itself in every request.
const USER_AGENT: &str =
    concat!("portcullis-siege/", env!("CARGO_PKG_VERSION"), " (security audit by this server's operator)");

/// One request.
#[derive(Clone)]
pub(super) struct Hello {
    method: &'static str,
    target: String,
    version: &'static str,
    headers: Vec<(String, String)>,
    /// What is said first, once the socket is open.
    pub(super) first: Vec<String>,
}

impl Hello {
    /// What a legitimate client with that token sends.
    pub(super) fn new(scope: &Scope, facts: &Facts, token: Option<&str>) -> Self {
        let mut hello = Self::plain(scope, facts, &scope.target);
        let key = STANDARD.encode(fastrand::u128(..).to_be_bytes());
        for (name, value) in
            [("connection", "Upgrade"), ("upgrade", "websocket"), ("sec-websocket-version", "13"), (KEY, key.as_str())]
        {
            hello.headers.push((name.into(), value.into()));
        }
        if let Some(subprotocol) = &facts.subprotocol {
            hello.headers.push((PROTOCOL.into(), subprotocol.clone()));
        }
        hello.first = first(facts, token);
        hello.bring(&facts.place, token)
    }

    /// A request that asks for no upgrade and brings no token.
    pub(super) fn plain(scope: &Scope, facts: &Facts, target: &str) -> Self {
        let fixed = [("host", &scope.authority), ("user-agent", &USER_AGENT.to_owned()), ("origin", &facts.origin)];
        let fixed = fixed.map(|(name, value)| (name.to_owned(), value.clone()));
        let headers = fixed.into_iter().chain(facts.headers.iter().cloned()).collect();
        Self { method: "GET", target: target.to_owned(), version: "HTTP/1.1", headers, first: Vec::new() }
    }

    /// Brings a token where it goes.
    pub(super) fn bring(self, place: &Place, token: Option<&str>) -> Self {
        let Some(token) = token else { return self };
        match place {
            Place::Bearer => self.with("authorization", &format!("Bearer {token}")),
            Place::Cookie(name) => self.with("cookie", &format!("{name}={token}")),
            Place::Query(name) => self.asking(&format!("{name}={token}")),
            Place::Subprotocol(marker) => self.offering(&format!("{marker}, {token}")),
            Place::Message => self,
        }
    }

    /// With this in the query.
    pub(super) fn asking(mut self, pair: &str) -> Self {
        let mark = if self.target.contains('?') { '&' } else { '?' };
        let _never_fails = write!(self.target, "{mark}{pair}");
        self
    }

    /// With these subprotocols before the ones it has.
    fn offering(self, offered: &str) -> Self {
        match self.header(PROTOCOL).map(|others| format!("{offered}, {others}")) {
            Some(all) => self.set(PROTOCOL, &all),
            None => self.with(PROTOCOL, offered),
        }
    }

    /// With another header.
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Without the headers of that name, in lower case.
    pub(super) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(of, _)| !of.eq_ignore_ascii_case(name));
        self
    }

    /// With this header in place of those of its name.
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

    /// Its headers but for those that HTTP/2 says otherwise or not at all, with names in lower case.
    pub(super) fn http2(&self) -> Vec<(&str, &str)> {
        let gone = ["host", "connection", "upgrade", KEY, "sec-websocket-version"];
        let headers = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        headers.filter(|(name, _)| !gone.contains(name)).collect()
    }

    /// The key, for its answer.
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

/// What is said first, with the token where it has its place. Without a token, what would bring one is not said.
fn first(facts: &Facts, token: Option<&str>) -> Vec<String> {
    let says = facts.first.iter();
    says.filter_map(|text| match token {
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
        let hello = Hello::new(&scope.unwrap(), &facts, token);
        (String::from_utf8(hello.bytes()).unwrap(), hello.first)
    }

    #[test]
    fn a_token_goes_where_it_was_said_and_headers_and_the_subprotocol_go_along() {
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
    fn what_is_said_first_has_the_token_in_its_place_or_is_not_said() {
        let first = ["hi", "auth {token}"];
        assert_eq!(sent("message", Some("t0ken"), &first).1, ["hi", "auth t0ken"]);
        assert_eq!(sent("message", None, &first).1, ["hi"]);
    }
}
