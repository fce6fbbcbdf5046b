//! Why a handshake of a test got no connection.

use std::{borrow::Cow, error::Error, fmt};

use http::{Response, StatusCode};
use hyper::body::Bytes;

use crate::refusal::Refusal;

/// Why a [`Handshake`](super::Handshake) got no connection.
///
/// ```
/// # use std::convert::Infallible;
/// # use http::Request;
/// use http::StatusCode;
/// use portcullis_core::{refusal::Refusal, testing::{ConnectError, Handshake}};
/// use tower::service_fn;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// async fn closed<B>(_: Request<B>) -> Result<http::Response<String>, Infallible> {
///     Ok(Refusal::new("closed", StatusCode::FORBIDDEN).into_response())
/// }
/// let refused = Handshake::new("/ws").connect(service_fn(closed)).await.unwrap_err();
/// assert_eq!(refused.status(), Some(StatusCode::FORBIDDEN));
/// assert_eq!(refused.refusal().unwrap().kind(), "closed");
///
/// let invalid = Handshake::new("/ws").header("x-name", "two\nlines").connect(service_fn(closed)).await;
/// assert!(matches!(invalid, Err(ConnectError::Invalid(_))));
/// # }
/// ```
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
    /// Returns the response, if there was one.
    pub fn response(&self) -> Option<&Response<Bytes>> {
        match self {
            Self::Refused(response) => Some(response),
            _ => None,
        }
    }

    /// Returns the status of the response.
    pub fn status(&self) -> Option<StatusCode> {
        self.response().map(Response::status)
    }

    /// Returns the body of the response as text, which is empty if there was no response.
    pub fn text(&self) -> Cow<'_, str> {
        self.response().map_or(Cow::Borrowed(""), |response| String::from_utf8_lossy(response.body()))
    }

    /// Returns the refusal, if a layer refused the handshake.
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
