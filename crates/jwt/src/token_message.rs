//! The token of clients that can send no header: where it stands in their first message.
//!
//! The message is read by core's gate, before the handler's upgrade completes. This module only knows how to find the
//! token in it, and refuses JSON in which two readers could find different tokens.

use std::time::Duration;

use portcullis_core::gate::FirstMessage;
use serde_json::Value;

use crate::{error::TokenError, json};

/// How clients that cannot send headers authenticate: with their first message.
///
/// The message is read below the handler's library, which never sees it. Messages that the client sends behind it
/// without waiting reach the handler. The handler's upgrade completes only once the token is accepted.
///
/// # Defaults
///
/// 10 s for the message and its verification together, 8 KiB, and no answer. If no message arrives in time, the
/// connection is closed with 3000; if its verification does not end in time, with 1013.
///
/// ```
/// use std::time::Duration;
/// use portcullis_jwt::TokenMessage;
///
/// // {"type": "hello", "payload": {"token": "..."}}
/// let message = TokenMessage::json("/payload/token")
///     .timeout(Duration::from_secs(5))
///     .max_bytes(4 * 1024)
///     .answer(r#"{"type": "welcome"}"#);
/// # let _ = message;
/// ```
///
/// [`JwtLayer::first_message`](crate::JwtLayer::first_message) has an example with an admitted and a refused client.
#[derive(Debug, Clone)]
#[must_use]
pub struct TokenMessage {
    pub(crate) pointer: Option<String>,
    pub(crate) timeout: Duration,
    pub(crate) max_bytes: usize,
    pub(crate) answer: Option<String>,
}

impl TokenMessage {
    /// Reads the token from a message that consists of it, as text or binary. White space around it is ignored.
    pub fn raw() -> Self {
        Self { pointer: None, timeout: Duration::from_secs(10), max_bytes: 8 * 1024, answer: None }
    }

    /// Reads the token from a string in a JSON object, at a pointer such as `/payload/token` (RFC 6901). A message in
    /// which an object has a member twice is refused, because two readers could take different tokens from it.
    pub fn json(pointer: impl Into<String>) -> Self {
        Self { pointer: Some(pointer.into()), ..Self::raw() }
    }

    /// Sets how long the client and the verification may take together, 10 s by default.
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

    /// Sets the maximum size of the message in bytes, 8 KiB by default. A larger one closes with 1009.
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

    /// Sets a text message that tells the client that its token was accepted. By default there is none.
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
