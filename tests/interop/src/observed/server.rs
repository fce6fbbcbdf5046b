//! The server and its clients.

use std::time::{Duration, Instant};

use axum::{
    Router,
    extract::{
        Request,
        ws::{Message, WebSocket, WebSocketUpgrade},
    },
    middleware::{Next, from_fn},
    response::Response,
    routing::any,
};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use portcullis_core::{
    CloseCode, CloseFrame, Connection, Connections,
    gate::Gate,
    policy::{Action, Activity, Policy},
    upgrade,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, duplex},
    time::timeout,
};

use crate::pipe::{self, Client, Seen};

/// Echoes, until a message is a command to end.
async fn handle(mut socket: WebSocket) -> Result<(), (CloseCode, &'static str)> {
    while let Some(Ok(message)) = socket.recv().await {
        match message.to_text() {
            Ok("panic") => panic!("as asked"),
            Ok("bye") => return Ok(()),
            Ok("err") => return Err((CloseCode::new(4321).unwrap(), "as asked")),
            _ if matches!(message, Message::Text(_)) => drop(socket.send(message).await),
            _ => {}
        }
    }
    Ok(())
}

/// `/` echoes, `/panic` and `/never` fail before they respond, and `/quiet` upgrades and sends nothing.
pub fn routes() -> Router {
    let echo = any(async |upgrade: WebSocketUpgrade, connection: Connection| -> Response {
        upgrade.on_upgrade(connection.supervise(handle))
    });
    let panicking = any(async || -> Response { panic!("before the answer") });
    Router::new().route("/", echo).route("/panic", panicking).route("/never", any(std::future::pending::<Response>))
}

/// The routes with a registry, which allows waiting for their end.
pub fn registered(routes: Router) -> (Router, Connections) {
    let connections = Connections::new();
    (routes.layer(connections.layer()), connections)
}

/// Opens a connection to `/`.
pub async fn open(app: &Router) -> Client {
    pipe::open(app, "/", "").await
}

/// Sends messages, and reads up to the end.
pub async fn talk(app: &Router, words: &[&str]) -> Vec<Option<Seen>> {
    let mut pipe = open(app).await;
    for word in words {
        let _server_may_have_closed = pipe.send_text(word).await;
    }
    let mut seen = Vec::new();
    while !matches!(seen.last(), Some(None | Some(Seen::Close(_)))) {
        seen.push(pipe.next().await);
    }
    seen
}

/// A handshake that is not upgraded. Returns the response, if there is one.
pub async fn ask_in_vain<S, B>(service: S, target: &str) -> String
where
    S: tower::Service<http::Request<hyper::body::Incoming>, Response = http::Response<B>> + Clone + Send + 'static,
    S::Error: std::error::Error + Send + Sync + 'static,
    S::Future: Send + 'static,
    B: hyper::body::Body<Data = bytes::Bytes> + Send + 'static,
    B::Error: std::error::Error + Send + Sync + 'static,
{
    let (mut ours, theirs) = duplex(64 * 1024);
    let service = TowerToHyperService::new(service);
    tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(theirs), service));
    let request = format!(
        "GET {target} HTTP/1.1\r\nhost: localhost\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    ours.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // A client that waits no longer drops its end here.
    let _ended = timeout(Duration::from_secs(1), ours.read_to_end(&mut answer)).await;
    String::from_utf8(answer).unwrap()
}

/// Runs an action after a delay.
pub struct Later(Option<Instant>, Action);

impl Later {
    /// An action, and when it is due.
    pub fn new(after: Duration, action: Action) -> Self {
        Self(Some((tokio::time::Instant::now() + after).into_std()), action)
    }
}

impl Policy for Later {
    fn deadline(&self, _: &Activity) -> Option<Instant> {
        self.0
    }

    fn on_deadline(&mut self, _: &Activity, _: Instant) -> Action {
        self.0 = None;
        self.1.clone()
    }
}

/// Refuses every first message.
pub async fn behind_a_gate(request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let guarded = upgrade::intercept(&mut parts).unwrap().unwrap();
    let gate = Gate::new(async |_| Err(CloseFrame::new(CloseCode::UNAUTHORIZED, "wrong word")));
    guarded.gate(&mut parts, gate).unwrap();
    let response = next.run(Request::from_parts(parts, body)).await;
    guarded.complete(&response, None);
    response
}

/// The routes behind a gate.
pub fn gated() -> Router {
    routes().layer(from_fn(behind_a_gate))
}
