//! What libraries call a message, in one form.

/// The content of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Payload<'a> {
    /// A whole text message.
    Text(&'a [u8]),
    /// A whole binary message.
    Binary(&'a [u8]),
    /// A ping, a pong or a close, which the library handles.
    Control,
    /// A fragment of a message: the library was asked for frames instead of messages.
    Fragment,
}

/// A library's message. Implemented for those of axum (feature `axum-ws`), tungstenite, fastwebsockets,
/// tokio-websockets and yawc, each behind a feature that names its version.
///
/// ```
/// use portcullis_close::messages::{JsonMessages, Message, Payload};
///
/// /// A message of a library that is not listed.
/// struct Text(String);
///
/// impl Message for Text {
///     fn payload(&self) -> Payload<'_> {
///         Payload::Text(self.0.as_bytes())
///     }
/// }
///
/// assert_eq!(JsonMessages::<u8>::new().read(&Text("7".into())).unwrap(), Some(7));
/// assert!(JsonMessages::<u8>::new().read(&Text("seven".into())).is_err());
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not known as a WebSocket library's message",
    note = "switch on the feature that is named after the library, `axum-ws` for axum's, or implement `Message`"
)]
pub trait Message {
    /// Returns the content of the message.
    fn payload(&self) -> Payload<'_>;
}

impl Message for Payload<'_> {
    fn payload(&self) -> Payload<'_> {
        *self
    }
}

/// An item of a socket's stream: a message, or a result with one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not known as what a WebSocket library's socket yields",
    note = "switch on the feature that is named after the library: `axum-ws` for axum's"
)]
pub trait Received {
    /// The library's message.
    type Message: Message;
    /// The library's error.
    type Error;

    /// Converts the item into a result.
    ///
    /// # Errors
    ///
    /// Returns the library's error.
    fn received(self) -> Result<Self::Message, Self::Error>;
}

impl<M: Message, E> Received for Result<M, E> {
    type Message = M;
    type Error = E;

    fn received(self) -> Self {
        self
    }
}
