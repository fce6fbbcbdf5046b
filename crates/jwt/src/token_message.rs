//! The token of clients that can send no header: where it stands in their first message.

use std::time::Duration;

use portcullis_core::gate::FirstMessage;
use serde_json::Value;

use crate::{error::TokenError, json};

/// How clients that can send no header authenticate: by what they say first.
///
/// The message is read below the handler's library, which never sees it; what the client pipelined behind it reaches
/// the handler. The handler's upgrade completes only once the token is accepted.
///
/// # Defaults
///
/// 10 s for the message and its verification, 8 KiB, and no answer. Without a message by then the connection is closed
/// with 3000, and with one whose verification has not ended with 1013.
#[derive(Debug, Clone)]
#[must_use]
pub struct TokenMessage {
    pub(crate) pointer: Option<String>,
    pub(crate) timeout: Duration,
    pub(crate) max_bytes: usize,
    pub(crate) answer: Option<String>,
}

impl TokenMessage {
    /// The message is the token, as text or binary.
    pub fn raw() -> Self {
        Self { pointer: None, timeout: Duration::from_secs(10), max_bytes: 8 * 1024, answer: None }
    }

    /// The token is a string in a JSON object, at a pointer such as `/payload/token` (RFC 6901). A message in which an
    /// object has a member twice is refused.
    pub fn json(pointer: impl Into<String>) -> Self {
        Self { pointer: Some(pointer.into()), ..Self::raw() }
    }

    /// How long the client and the verification may take together.
    ///
    /// # Panics
    ///
    /// If `time` is zero.
    #[track_caller]
    pub fn timeout(mut self, time: Duration) -> Self {
        assert!(!time.is_zero(), "a first message must have time to arrive");
        self.timeout = time;
        self
    }

    /// The most bytes of the message.
    ///
    /// # Panics
    ///
    /// If `bytes` is zero.
    #[track_caller]
    pub fn max_bytes(mut self, bytes: usize) -> Self {
        assert!(bytes > 0, "a first message may have one byte at least");
        self.max_bytes = bytes;
        self
    }

    /// A text message that tells the client that its token was accepted.
    pub fn answer(mut self, text: impl Into<String>) -> Self {
        self.answer = Some(text.into());
        self
    }

    pub(crate) fn token(&self, message: &FirstMessage) -> Result<String, TokenError> {
        self.read(message.payload())
    }

    fn read(&self, payload: &[u8]) -> Result<String, TokenError> {
        let text = std::str::from_utf8(payload);
        let text = text.map_err(|_| TokenError::Malformed("the first message is not UTF-8"))?;
        let Some(pointer) = &self.pointer else { return Ok(text.trim().to_owned()) };
        let value: Value =
            serde_json::from_str(text).map_err(|_| TokenError::Malformed("the first message is not JSON"))?;
        // Of two tokens each reader takes another one.
        if !json::is_unique(text.as_bytes()) {
            return Err(TokenError::Malformed("the first message has a member twice"));
        }
        let token = value.pointer(pointer).and_then(Value::as_str);
        token.map(str::to_owned).ok_or(TokenError::Malformed("the first message has no token"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_names_the_token_twice_is_refused() {
        let twice = Err(TokenError::Malformed("the first message has a member twice"));
        for (message, found) in [
            (r#"{"payload":{"token":"abc"}}"#, Ok("abc".to_owned())),
            ("\n {\"payload\" : {\"token\":\"abc\"}} ", Ok("abc".to_owned())),
            (r#"{"payload":{"token":"abc","token":"abd"}}"#, twice.clone()),
            (r#"{"payload":{"token":"abc","t\u006fken":"abc"}}"#, twice.clone()),
            (r#"{"payload":{"token":"abc"},"payload":{"token":"abd"}}"#, twice),
            (r#"{"payload":"abc"}"#, Err(TokenError::Malformed("the first message has no token"))),
            ("abc", Err(TokenError::Malformed("the first message is not JSON"))),
        ] {
            assert_eq!(TokenMessage::json("/payload/token").read(message.as_bytes()), found, "{message}");
        }
    }
}
