//! A server and a raw client in one process, over an in-memory pipe, so that the clock can be paused.

use axum::Router;
use http::{Response, StatusCode};
use hyper::body::Bytes;
pub use portcullis_core::testing::{Client, Message as Seen};
use portcullis_core::{
    CloseCode, CloseFrame,
    testing::{ConnectError, Handshake},
};

/// Connects with these headers, one per line.
///
/// # Errors
///
/// The response, if it is not an upgrade.
pub async fn ask(app: &Router, path: &str, headers: &str) -> Result<Client, Box<Response<Bytes>>> {
    let lines = headers.lines().map(|line| line.split_once(": ").expect("a header is a name and a value"));
    let handshake = lines.fold(Handshake::new(path), |handshake, (name, value)| handshake.header(name, value));
    handshake.connect(app.clone()).await.map_err(|error| match error {
        ConnectError::Refused(response) => response,
        error => panic!("{error}"),
    })
}

/// A client that was admitted.
pub async fn open(app: &Router, path: &str, headers: &str) -> Client {
    ask(app, path, headers).await.unwrap()
}

/// The answer to a client that was not upgraded.
pub async fn answer(app: &Router, path: &str, headers: &str) -> Response<Bytes> {
    *ask(app, path, headers).await.unwrap_err()
}

/// The status of the response.
pub async fn status(app: &Router, path: &str, headers: &str) -> StatusCode {
    match ask(app, path, headers).await {
        Ok(client) => client.response().status(),
        Err(response) => response.status(),
    }
}

/// A close frame with a code and a reason, as [`Client::next`] returns it.
pub fn closed(code: u16, reason: &str) -> Option<Seen> {
    let code = CloseCode::new(code).unwrap();
    Some(Seen::Close(CloseFrame::new(code, reason.to_owned())))
}

/// A text message, as [`Client::next`] returns it.
pub fn text(text: &str) -> Option<Seen> {
    Some(Seen::Text(text.to_owned()))
}
