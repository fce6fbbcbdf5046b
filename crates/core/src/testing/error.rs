//! Why a handshake of a test got no connection.

use std::{borrow::Cow, error::Error, fmt};

use http::{Response, StatusCode};
use hyper::body::Bytes;

use crate::refusal::Refusal;

/// Why a [`Handshake`](super::Handshake) got no connection.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConnectError {
    /// The path or a header of the handshake is not valid HTTP.
    Invalid(http::Error),
    /// The handshake was refused: the response has a status other than 101. If a layer refused it, its [`Refusal`] is
    /// in the response's extensions.
    Refused(Box<Response<Bytes>>),
    /// There was no response: the service failed or panicked.
    Unanswered(Box<dyn Error + Send + Sync>),
}

impl ConnectError {
    /// The response, if there was one.
    pub fn response(&self) -> Option<&Response<Bytes>> {
        match self {
            Self::Refused(response) => Some(response),
            _ => None,
        }
    }

    /// The status of the response.
    pub fn status(&self) -> Option<StatusCode> {
        self.response().map(Response::status)
    }

    /// The body of the response as text; empty if there was no response.
    pub fn text(&self) -> Cow<'_, str> {
        self.response().map_or(Cow::Borrowed(""), |response| String::from_utf8_lossy(response.body()))
    }

    /// Which layer refused, and why.
    pub fn refusal(&self) -> Option<&Refusal> {
        self.response().and_then(|response| response.extensions().get())
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(error) => write!(f, "invalid handshake: {error}"),
            Self::Refused(response) => write!(f, "handshake refused with {}: {}", response.status(), self.text()),
            Self::Unanswered(error) => write!(f, "handshake not answered: {error}"),
        }
    }
}

impl Error for ConnectError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Invalid(error) => Some(error),
            Self::Refused(_) => None,
            Self::Unanswered(error) => Some(error.as_ref()),
        }
    }
}
