//! Reads one message: first its size, then its JSON, then what the application checks.

use std::{fmt, sync::Arc};

use futures_core::Stream;
use portcullis_core::{CloseFrame, IntoClose};
use serde::de::DeserializeOwned;

use super::{
    payload::{Message, Payload, Received},
    typed::Typed,
    wrong::WrongMessage,
};

type Check<T> = dyn Fn(&T) -> Result<(), CloseFrame> + Send + Sync;

/// Reads JSON messages of one type.
///
/// # Defaults
///
/// Text messages of at most 64 KiB are read; nothing is checked beyond the type. serde_json limits nesting to 128
/// levels.
pub struct JsonMessages<T> {
    max_bytes: usize,
    binary: bool,
    check: Option<Arc<Check<T>>>,
}

impl<T> JsonMessages<T> {
    /// Creates a reader with the defaults.
    pub fn new() -> Self {
        Self { max_bytes: 64 * 1024, binary: false, check: None }
    }

    /// Sets the maximum size of a message in bytes, 64 KiB by default. A larger one is not parsed, and closes
    /// with 1009.
    ///
    /// ```
    /// use portcullis_close::messages::{JsonMessages, Payload};
    /// use portcullis_core::IntoClose;
    ///
    /// let messages = JsonMessages::<String>::new().max_bytes(5);
    /// assert_eq!(messages.read(&Payload::Text(br#""abc""#)).unwrap(), Some("abc".to_owned()));
    /// let too_big = messages.read(&Payload::Text(br#""abcd""#)).unwrap_err();
    /// assert_eq!(too_big.into_close().to_string(), "1009 more than 5 bytes");
    /// ```
    #[must_use]
    pub fn max_bytes(self, bytes: usize) -> Self {
        Self { max_bytes: bytes, ..self }
    }

    /// Also reads JSON from binary messages.
    ///
    /// ```
    /// use portcullis_close::messages::{JsonMessages, Payload};
    ///
    /// let number = Payload::Binary(b"7");
    /// assert!(JsonMessages::<u8>::new().read(&number).is_err());
    /// assert_eq!(JsonMessages::<u8>::new().allow_binary().read(&number).unwrap(), Some(7));
    /// ```
    #[must_use]
    pub fn allow_binary(self) -> Self {
        Self { binary: true, ..self }
    }

    /// Adds a check beyond the type. Its error is the close frame for a message that fails it.
    ///
    /// ```
    /// use portcullis_close::messages::{JsonMessages, Payload};
    /// use portcullis_core::{CloseCode, IntoClose};
    ///
    /// let dice = JsonMessages::<u8>::new().validate(|number| match number {
    ///     1..=6 => Ok(()),
    ///     _ => Err((CloseCode::POLICY_VIOLATION, "no such side")),
    /// });
    /// assert_eq!(dice.read(&Payload::Text(b"6")).unwrap(), Some(6));
    /// assert_eq!(dice.read(&Payload::Text(b"7")).unwrap_err().into_close().to_string(), "1008 no such side");
    /// assert_eq!(dice.read(&Payload::Text(b"700")).unwrap_err().into_close().code().unwrap(), 1007, "not a `u8`");
    /// ```
    #[must_use]
    pub fn validate<E: IntoClose>(self, check: impl Fn(&T) -> Result<(), E> + Send + Sync + 'static) -> Self {
        Self { check: Some(Arc::new(move |value| check(value).map_err(IntoClose::into_close))), ..self }
    }
}

impl<T: DeserializeOwned> JsonMessages<T> {
    /// Wraps a socket that is a stream of messages, and reads them.
    pub fn over<S>(&self, socket: S) -> Typed<S, T>
    where
        S: Stream<Item: Received>,
    {
        Typed::new(socket, self.clone())
    }

    /// Reads a message. Returns `None` for pings, pongs and closes.
    ///
    /// ```
    /// use portcullis_close::messages::{JsonMessages, Payload, WrongMessage};
    ///
    /// let numbers = JsonMessages::<u8>::new();
    /// assert_eq!(numbers.read(&Payload::Text(b" 7 ")).unwrap(), Some(7));
    /// assert_eq!(numbers.read(&Payload::Control).unwrap(), None);
    /// assert!(matches!(numbers.read(&Payload::Binary(b"7")), Err(WrongMessage::Binary)));
    /// assert!(matches!(numbers.read(&Payload::Text(b"7 8")), Err(WrongMessage::Invalid { .. })), "two values");
    /// assert_eq!(numbers.read(&Payload::Text(b"9")).unwrap(), Some(9), "a wrong message is not the end");
    /// ```
    ///
    /// # Errors
    ///
    /// Returns what is wrong with the message. The next message can still be read.
    pub fn read(&self, message: &impl Message) -> Result<Option<T>, WrongMessage> {
        match message.payload() {
            Payload::Text(text) => self.parse(text).map(Some),
            Payload::Binary(bytes) if self.binary => self.parse(bytes).map(Some),
            Payload::Binary(_) => Err(WrongMessage::Binary),
            Payload::Control => Ok(None),
            Payload::Fragment => Err(WrongMessage::Fragment),
        }
    }

    fn parse(&self, json: &[u8]) -> Result<T, WrongMessage> {
        if json.len() > self.max_bytes {
            return Err(WrongMessage::TooBig { size: json.len(), max_bytes: self.max_bytes });
        }
        let value = deserialize(json)?;
        self.check.as_ref().map_or(Ok(()), |check| check(&value)).map_err(WrongMessage::Refused)?;
        Ok(value)
    }
}

fn deserialize<T: DeserializeOwned>(json: &[u8]) -> Result<T, WrongMessage> {
    let mut json = serde_json::Deserializer::from_slice(json);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        let error = error.into_inner();
        // Where a text stops to be JSON has a line and a column, and the path of what was read until then misleads.
        let path = if error.is_data() && path != "." { path } else { String::new() };
        WrongMessage::Invalid { path, error }
    })?;
    json.end().map_err(|error| WrongMessage::Invalid { path: String::new(), error })?;
    Ok(value)
}

impl<T> Default for JsonMessages<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Clone for JsonMessages<T> {
    fn clone(&self) -> Self {
        Self { max_bytes: self.max_bytes, binary: self.binary, check: self.check.clone() }
    }
}

impl<T> fmt::Debug for JsonMessages<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonMessages")
            .field("max_bytes", &self.max_bytes)
            .field("binary", &self.binary)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use portcullis_core::CloseCode;

    use super::*;

    #[derive(Debug, PartialEq, serde::Deserialize)]
    struct Join {
        rooms: Vec<Room>,
    }

    #[derive(Debug, PartialEq, serde::Deserialize)]
    struct Room {
        name: String,
    }

    fn messages() -> JsonMessages<Join> {
        JsonMessages::new().max_bytes(64).validate(|join: &Join| {
            if join.rooms.len() > 2 { Err((CloseCode::POLICY_VIOLATION, "too many rooms")) } else { Ok(()) }
        })
    }

    #[test]
    fn each_wrong_message_has_its_code_and_says_where() {
        let deep = "[".repeat(64);
        for (text, code, reason) in [
            (r#"{"rooms": [{"name": 5}]}"#, 1007, "invalid message: rooms[0].name"),
            (r#"{"rooms": [{"name": "a"}, {}]}"#, 1007, "invalid message: rooms[1]"),
            (r#"{"rooms": 1}"#, 1007, "invalid message: rooms"),
            ("[]", 1007, "invalid message at line 1 column 2"),
            ("{}", 1007, "invalid message at line 1 column 2"),
            ("", 1007, "invalid JSON at line 1 column 0"),
            (r#"{"rooms": [{"name": "a"#, 1007, "invalid JSON at line 1 column 22"),
            (r#"{"rooms": []} x"#, 1007, "invalid JSON at line 1 column 15"),
            (&deep, 1007, "invalid message: [0][0][0]"),
            (&" ".repeat(65), 1009, "more than 64 bytes"),
            (r#"{"rooms": [{"name":""},{"name":""},{"name":""}]}"#, 1008, "too many rooms"),
        ] {
            let wrong = messages().read(&Payload::Text(text.as_bytes())).unwrap_err();
            assert!(wrong.internal().is_none());
            let frame = wrong.into_close();
            assert_eq!((frame.code().map(CloseCode::as_u16), frame.reason()), (Some(code), reason), "{text}");
        }
    }

    #[test]
    fn right_messages_are_read_and_control_frames_are_none() {
        let join = Join { rooms: vec![Room { name: "lobby".into() }] };
        let json = br#"{"rooms": [{"name": "lobby"}]}"#;
        assert_eq!(messages().read(&Payload::Text(json)).unwrap(), Some(join));
        assert_eq!(messages().read(&Payload::Control).unwrap(), None);
    }

    #[test]
    fn binary_messages_are_read_when_allowed() {
        let json = br#"{"rooms": []}"#;
        let wrong = messages().read(&Payload::Binary(json)).unwrap_err();
        assert_eq!(wrong.into_close().code(), Some(CloseCode::UNSUPPORTED_DATA));
        assert_eq!(messages().allow_binary().read(&Payload::Binary(json)).unwrap(), Some(Join { rooms: Vec::new() }));
    }

    #[test]
    fn a_fragment_is_a_mistake_of_the_application() {
        let wrong = messages().read(&Payload::Fragment).unwrap_err();
        assert!(wrong.internal().is_some());
        assert_eq!(wrong.into_close().code(), Some(CloseCode::INTERNAL_ERROR));
    }

    #[test]
    fn the_peer_is_not_told_what_serde_says() {
        let wrong = JsonMessages::<String>::new().read(&Payload::Text(b"5")).unwrap_err();
        assert!(wrong.to_string().contains("invalid type: integer"), "{wrong}");
        assert_eq!(wrong.into_close().reason(), "invalid message at line 1 column 1");
    }
}
