//! Sends requests to a console.

use http::{Request, Response, StatusCode, request::Builder};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use portcullis_console::{Console, ConsoleBody, Operator};
use portcullis_core::{Connection, Connections, testing::Client};
use serde_json::Value;
use tower::ServiceExt;

/// A console with all actions allowed, seen by operator `olga`.
pub(crate) fn open(connections: &Connections) -> Console {
    Console::new(connections.clone()).allow_actions().authorize(|_| Some(Operator::new("olga")))
}

/// A connection in a registry. It lives as long as its client does.
pub(crate) fn connect(to: &Connections, subject: &str, address: [u8; 4]) -> (Connection, Client) {
    let (connection, client) = Connection::detached().subject(subject).client_ip(address.into()).open();
    to.insert(&connection);
    (connection, client)
}

pub(crate) async fn answer(console: &Console, request: Builder, body: &str) -> Response<ConsoleBody> {
    let request = request.body(Full::new(Bytes::from(body.to_owned()))).unwrap();
    console.clone().oneshot(request).await.unwrap()
}

/// The status and the JSON body of a response.
pub(crate) async fn json(response: Response<ConsoleBody>) -> (StatusCode, Value) {
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&body).unwrap_or_else(|_| panic!("{status}: {body:?}")))
}

pub(crate) async fn get(console: &Console, path: &str) -> Value {
    let (status, value) = json(answer(console, Request::get(path), "").await).await;
    assert_eq!(status, StatusCode::OK, "{path}: {value}");
    value
}

/// An action as the console's own page sends it.
pub(crate) fn action(path: &str) -> Builder {
    Request::post(path)
        .header("host", "console.example")
        .header("origin", "https://console.example")
        .header("sec-fetch-site", "same-origin")
        .header("content-type", "application/json")
}

pub(crate) async fn post(console: &Console, path: &str, body: &str) -> (StatusCode, Value) {
    json(answer(console, action(path), body).await).await
}

/// A column of a page of connections.
pub(crate) fn column(connections: &Value, name: &str) -> Vec<Value> {
    connections["rows"].as_array().unwrap().iter().map(|row| row[name].clone()).collect()
}
