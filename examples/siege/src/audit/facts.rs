//! What a legitimate client knows about the server.

/// The placeholder for the token in a first message.
pub(super) const HOLE: &str = "{token}";

/// Where a token goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    Bearer,
    Query(String),
    Cookie(String),
    /// As the subprotocol after this one.
    Subprotocol(String),
    /// In a first message.
    Message,
}

impl Place {
    /// Parses `bearer`, `query:NAME`, `cookie:NAME`, `subprotocol:MARKER` or `message`.
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
                "--token-in {text}: expected bearer, query:NAME, cookie:NAME, subprotocol:MARKER or message"
            )),
        }
    }
}

/// What the command line says about a legitimate client, except limits.
#[derive(Clone)]
pub(super) struct Facts {
    /// The origin of the page that may connect. If none was given, empty until replaced by the server's own.
    pub(super) origin: String,
    pub(super) token: Option<String>,
    /// A token that has expired.
    pub(super) expired: Option<String>,
    /// A token that expires soon.
    pub(super) short: Option<String>,
    pub(super) place: Place,
    /// Headers of every handshake.
    pub(super) headers: Vec<(String, String)>,
    pub(super) subprotocol: Option<String>,
    /// The first messages of a client.
    pub(super) first: Vec<String>,
    /// A message that the server understands.
    pub(super) message: String,
    /// A text that its answer contains; any answer if empty.
    pub(super) answer: String,
    /// A text message that is a ping of the application, and the reply to it.
    pub(super) reply: Option<(String, String)>,
    /// A plain route that also needs the token.
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
    /// The legal message, padded to `size`.
    pub(super) fn message_of(&self, size: usize) -> Vec<u8> {
        let mut message = self.message.clone().into_bytes();
        // White space after a value is legal in JSON.
        message.resize(size.max(message.len()), b' ');
        message
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_of_a_token_are_parsed() {
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
