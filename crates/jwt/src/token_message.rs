//! The token of clients that can send no header: where it stands in their first message.
//!
//! The message is read by core's gate, before the handler's upgrade completes. This module only knows how to find the
//! token in it, and refuses JSON in which two readers could find different tokens.

use std::{fmt, sync::Arc, time::Duration};

use portcullis_core::{CloseFrame, gate::FirstMessage};
use serde_json::Value;

use crate::{error::TokenError, json};

/// How clients that cannot send headers authenticate: with their first message.
///
/// The message is read below the handler's library, which never sees it unless it is [forwarded](Self::forward).
/// Messages that the client sends behind it without waiting reach the handler. The handler's upgrade completes only
/// once the token is accepted.
///
/// # Defaults
///
/// 10 s for the message and its verification together, 8 KiB, no answer, and the message is not forwarded. If no
/// message arrives in time, the connection is closed with 3000; if its verification does not end in time, with 1013.
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
    pub(crate) forward: bool,
    close_frames: Option<CloseFrames>,
    timeout_frame: Option<CloseFrame>,
}

/// The close frames of another protocol.
#[derive(Clone)]
struct CloseFrames(Arc<dyn Fn(TokenError) -> CloseFrame + Send + Sync>);

impl fmt::Debug for CloseFrames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CloseFrames").finish_non_exhaustive()
    }
}

impl TokenMessage {
    /// Reads the token from a message that consists of it, as text or binary. White space around it is ignored.
    pub fn raw() -> Self {
        Self {
            pointer: None,
            timeout: Duration::from_secs(10),
            max_bytes: 8 * 1024,
            answer: None,
            forward: false,
            close_frames: None,
            timeout_frame: None,
        }
    }

    /// Reads the token from a string in a JSON object, at a pointer such as `/payload/token` (RFC 6901). A message in
    /// which an object has a member twice is refused, because two readers could take different tokens from it.
    ///
    /// ```
    /// use portcullis_jwt::TokenMessage;
    ///
    /// // {"type": "connection_init", "payload": {"token": "..."}}
    /// let nested = TokenMessage::json("/payload/token");
    /// // {"token": "..."}
    /// let flat = TokenMessage::json("/token");
    /// # drop((nested, flat));
    /// ```
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
    /// ```
    /// # #[cfg(not(feature = "test-util"))] fn main() {}
    /// # #[cfg(feature = "test-util")] #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
    /// # use std::time::Duration;
    /// # use axum::{Router, extract::ws::WebSocketUpgrade, routing::any};
    /// # use portcullis_core::testing::{Clock, Handshake};
    /// # use portcullis_jwt::{JwtLayer, TokenMessage, Verified, testing::Tokens};
    /// # let tokens = Tokens::new(&Clock::new()).accept("good", Verified::new("alice"));
    /// # let handler = any(async |upgrade: WebSocketUpgrade| {
    /// #     upgrade.on_upgrade(async |mut socket| while let Some(Ok(_)) = socket.recv().await {})
    /// # });
    /// let message = TokenMessage::raw().max_bytes(100).timeout(Duration::from_secs(3));
    /// let layer = JwtLayer::new(tokens).first_message(message).handshakes_only();
    /// let app = Router::new().route("/ws", handler).layer(layer);
    ///
    /// let mut long = Handshake::new("/ws").connect(app.clone()).await.unwrap();
    /// long.send_text("x".repeat(101)).await.unwrap();
    /// assert_eq!(long.closed().await.unwrap().code().unwrap(), 1009);
    ///
    /// let mut late = Handshake::new("/ws").connect(app).await.unwrap();
    /// tokio::time::sleep(Duration::from_secs(4)).await;
    /// assert_eq!(late.closed().await.unwrap().to_string(), "3000 token missing");
    /// # }
    /// ```
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

    /// Sets a text message that is sent to the client when its token was accepted. By default there is none.
    pub fn answer(mut self, text: impl Into<String>) -> Self {
        self.answer = Some(text.into());
        self
    }

    /// Passes the message on to the handler's library once its token was accepted, for protocols whose library waits
    /// for it, such as graphql-transport-ws for its `connection_init`. Layers inside count it as a message.
    pub fn forward(mut self) -> Self {
        self.forward = true;
        self
    }

    /// Sets the close frames for messages whose token is not accepted, for protocols with codes of their own. By
    /// default, [`TokenError::close_frame`].
    ///
    /// ```
    /// use portcullis_core::{CloseCode, CloseFrame};
    /// use portcullis_jwt::{TokenError, TokenMessage};
    ///
    /// // As graphql-transport-ws has it.
    /// let frame = |error| {
    ///     let (code, reason) = match error {
    ///         TokenError::Malformed(_) => (4400, "Invalid message"),
    ///         TokenError::Missing => (4401, "Unauthorized"),
    ///         _ => (4403, "Forbidden"),
    ///     };
    ///     CloseFrame::new(CloseCode::new(code).expect("a private code"), reason)
    /// };
    /// let late = CloseFrame::new(CloseCode::new(4408).expect("a private code"), "Connection initialisation timeout");
    /// let first = TokenMessage::json("/payload/token").forward().close_frames(frame).timeout_frame(late);
    /// # drop(first);
    /// assert_eq!(frame(TokenError::Expired).to_string(), "4403 Forbidden");
    /// ```
    pub fn close_frames(mut self, frame: impl Fn(TokenError) -> CloseFrame + Send + Sync + 'static) -> Self {
        self.close_frames = Some(CloseFrames(Arc::new(frame)));
        self
    }

    /// Sets the close frame for a client that sends no message in time. By default, that of [`TokenError::Missing`].
    pub fn timeout_frame(mut self, frame: CloseFrame) -> Self {
        self.timeout_frame = Some(frame);
        self
    }

    pub(crate) fn close_frame(&self, error: TokenError) -> CloseFrame {
        self.close_frames.as_ref().map_or_else(|| error.close_frame(), |frames| (frames.0)(error))
    }

    pub(crate) fn late(&self) -> CloseFrame {
        self.timeout_frame.clone().unwrap_or_else(|| self.close_frame(TokenError::Missing))
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
        match value.pointer(pointer) {
            Some(Value::String(token)) => Ok(token.clone()),
            Some(_) => Err(TokenError::Malformed("the token of the first message is not a string")),
            None => Err(TokenError::Missing),
        }
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
            (r#"{"payload":"abc"}"#, Err(TokenError::Missing)),
            (
                r#"{"payload":{"token":7}}"#,
                Err(TokenError::Malformed("the token of the first message is not a string")),
            ),
            ("abc", Err(TokenError::Malformed("the first message is not JSON"))),
        ] {
            assert_eq!(TokenMessage::json("/payload/token").read(message.as_bytes()), found, "{message}");
        }
    }
}
