//! What a legitimate client knows of the server.

/// What is in place of the token in a first message.
pub(super) const HOLE: &str = "{token}";

/// Where a token goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    Bearer,
    Query(String),
    Cookie(String),
    /// Behind this subprotocol, as a second one.
    Subprotocol(String),
    /// In a first message.
    Message,
}

impl Place {
    /// Reads `bearer`, `query:NAME`, `cookie:NAME`, `subprotocol:MARKER` or `message`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (place, name) = text.split_once(':').unwrap_or((text, ""));
        let named = |default: &str| if name.is_empty() { default } else { name }.to_owned();
        match place {
            "bearer" => Ok(Self::Bearer),
            "query" => Ok(Self::Query(named("token"))),
            "cookie" => Ok(Self::Cookie(named("session"))),
            "subprotocol" => Ok(Self::Subprotocol(named("bearer"))),
            "message" => Ok(Self::Message),
            _ => Err(format!(
                "--token-in {text}: a token goes to bearer, query:NAME, cookie:NAME, subprotocol:MARKER or message"
            )),
        }
    }
}

/// What was told on the command line, but for limits.
#[derive(Clone)]
pub(super) struct Facts {
    /// Of the page that may connect. Empty until the server's own takes its place, if none was given.
    pub(super) origin: String,
    pub(super) token: Option<String>,
    /// Another one, which was good once.
    pub(super) expired: Option<String>,
    /// Another one, which is good for some seconds more.
    pub(super) short: Option<String>,
    pub(super) place: Place,
    /// Headers of every handshake.
    pub(super) headers: Vec<(String, String)>,
    pub(super) subprotocol: Option<String>,
    /// What a client says first, before any message.
    pub(super) first: Vec<String>,
    /// A message that the server understands.
    pub(super) message: String,
    /// What is in its answer; whatever comes, if empty.
    pub(super) answer: String,
    /// What the server says for a ping of its own, and what a client says to it.
    pub(super) reply: Option<(String, String)>,
    /// A path beside the socket that needs the token as well.
    pub(super) beside: Option<String>,
}

impl Default for Facts {
    fn default() -> Self {
        Self {
            origin: String::new(),
            token: None,
            expired: None,
            short: None,
            place: Place::Bearer,
            headers: Vec::new(),
            subprotocol: None,
            first: Vec::new(),
            message: "hello".to_owned(),
            answer: String::new(),
            reply: None,
            beside: None,
        }
    }
}

impl Facts {
    /// The legal message, as large as that.
    pub(super) fn message_of(&self, size: usize) -> Vec<u8> {
        let mut message = self.message.clone().into_bytes();
        // White space behind a value is legal in JSON.
        message.resize(size.max(message.len()), b' ');
        message
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_of_a_token_are_read() {
        let name = String::from;
        for (text, place) in [
            ("bearer", Ok(Place::Bearer)),
            ("query", Ok(Place::Query(name("token")))),
            ("query:access_token", Ok(Place::Query(name("access_token")))),
            ("cookie:sid", Ok(Place::Cookie(name("sid")))),
            ("subprotocol:jwt", Ok(Place::Subprotocol(name("jwt")))),
            ("message", Ok(Place::Message)),
            ("header", Err(())),
            ("", Err(())),
        ] {
            assert_eq!(Place::parse(text).map_err(drop), place, "{text}");
        }
    }
}
