//! A socket that yields values of a type instead of messages, and sends as it did.

use std::{
    error::Error,
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_core::Stream;
use futures_sink::Sink;
use pin_project_lite::pin_project;
use portcullis_core::{CloseFrame, IntoClose};
use serde::de::DeserializeOwned;

use super::{json::JsonMessages, payload::Received, wrong::WrongMessage};

pin_project! {
    /// A socket that yields values instead of messages, created by [`JsonMessages::over`]. It sends what the socket
    /// sends.
    ///
    /// A wrong message does not end the stream: a handler may answer it and read on instead of closing.
    #[derive(Debug)]
    pub struct Typed<S, T> {
        #[pin]
        socket: S,
        messages: JsonMessages<T>,
    }
}

impl<S, T> Typed<S, T> {
    pub(super) fn new(socket: S, messages: JsonMessages<T>) -> Self {
        Self { socket, messages }
    }

    /// Returns the socket.
    pub fn get_ref(&self) -> &S {
        &self.socket
    }

    /// Returns the socket, to send with.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.socket
    }

    /// Returns the socket, including messages that were not read yet.
    pub fn into_inner(self) -> S {
        self.socket
    }
}

impl<S, T> Stream for Typed<S, T>
where
    S: Stream,
    S::Item: Received,
    T: DeserializeOwned,
{
    type Item = Result<T, ReadError<<S::Item as Received>::Error>>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        loop {
            let Some(received) = ready!(this.socket.as_mut().poll_next(cx)) else { return Poll::Ready(None) };
            let message = match received.received() {
                Ok(message) => message,
                Err(error) => return Poll::Ready(Some(Err(ReadError::Socket(error)))),
            };
            if let Some(read) = this.messages.read(&message).transpose() {
                return Poll::Ready(Some(read.map_err(ReadError::Message)));
            }
        }
    }
}

impl<S: Sink<M>, T, M> Sink<M> for Typed<S, T> {
    type Error = S::Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.project().socket.poll_ready(cx)
    }

    fn start_send(self: Pin<&mut Self>, message: M) -> Result<(), S::Error> {
        self.project().socket.start_send(message)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.project().socket.poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.project().socket.poll_close(cx)
    }
}

/// An error of [`Typed`].
///
/// It converts into the close frame of whichever failed:
///
/// ```
/// use portcullis_close::messages::{ReadError, WrongMessage};
/// use portcullis_core::{CloseCode, IntoClose};
///
/// let message: ReadError<CloseCode> = ReadError::Message(WrongMessage::Binary);
/// assert_eq!(message.into_close().code().unwrap(), 1003);
/// assert_eq!(ReadError::Socket(CloseCode::PROTOCOL_ERROR).into_close().code().unwrap(), 1002);
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum ReadError<E> {
    /// The socket failed.
    Socket(E),
    /// The message could not be read.
    Message(WrongMessage),
}

impl<E: IntoClose> IntoClose for ReadError<E> {
    fn into_close(self) -> CloseFrame {
        match self {
            Self::Socket(error) => error.into_close(),
            Self::Message(wrong) => wrong.into_close(),
        }
    }

    fn internal(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Socket(error) => error.internal(),
            Self::Message(wrong) => wrong.internal(),
        }
    }
}

impl<E: fmt::Display> fmt::Display for ReadError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(error) => error.fmt(f),
            Self::Message(wrong) => wrong.fmt(f),
        }
    }
}

impl<E: Error + 'static> Error for ReadError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Socket(error) => error.source(),
            Self::Message(_) => None,
        }
    }
}
