//! A guarded server on its own port, which makes it an origin of its own.

use std::{
    fmt,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    extract::{Request, State},
    http::{Method, StatusCode, Version},
    middleware::{Next, from_fn_with_state},
    response::Response,
};
use portcullis::{Connections, handshake::is_handshake, liveness::Drain};
use tokio::net::TcpListener;

use crate::{Result, guarded, server, tls};

/// The version of HTTP for pages and sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Http {
    /// HTTP/1.1 in the clear.
    One,
    /// HTTP/2 over TLS, as browsers require (RFC 8441 for WebSockets).
    Two,
}

impl Http {
    /// Both versions.
    pub(crate) const BOTH: [Self; 2] = [Self::One, Self::Two];

    /// The method and version of a handshake.
    fn handshake(self) -> (Method, Version) {
        match self {
            Self::One => (Method::GET, Version::HTTP_11),
            Self::Two => (Method::CONNECT, Version::HTTP_2),
        }
    }

    /// The status that accepts a handshake.
    pub fn accepted(self) -> StatusCode {
        match self {
            Self::One => StatusCode::SWITCHING_PROTOCOLS,
            Self::Two => StatusCode::OK,
        }
    }
}

impl fmt::Display for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::One => "HTTP/1.1",
            Self::Two => "HTTP/2",
        })
    }
}

/// A handshake as it arrived, outside of every layer, and the status of the response.
#[derive(Debug)]
struct Handshake {
    method: Method,
    version: Version,
    status: StatusCode,
}

type Log = Arc<Mutex<Vec<Handshake>>>;

/// A guarded server.
#[derive(Debug)]
pub struct Site {
    address: SocketAddr,
    http: Http,
    connections: Connections,
    drain: Drain,
    log: Log,
}

impl Site {
    /// Starts one, which ends with the runtime.
    ///
    /// # Errors
    ///
    /// If there is no free port, or no certificate can be generated.
    pub async fn start(http: Http) -> Result<Self> {
        let (connections, log) = (Connections::new(), Log::default());
        let drain = Drain::new().window(Duration::ZERO);
        let app = guarded::app(&connections, &drain)?.layer(from_fn_with_state(log.clone(), record));
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let tls = if http == Http::Two { Some(tls::acceptor()?) } else { None };
        tokio::spawn(server::run(listener, tls, app));
        Ok(Self { address, http, connections, drain, log })
    }

    /// The URL of its page.
    pub fn page(&self) -> String {
        let scheme = if self.http == Http::One { "http" } else { "https" };
        format!("{scheme}://{}/", self.address)
    }

    /// The URL of its socket.
    pub fn socket(&self) -> String {
        let scheme = if self.http == Http::One { "ws" } else { "wss" };
        format!("{scheme}://{}/ws", self.address)
    }

    /// Its version of HTTP.
    pub fn http(&self) -> Http {
        self.http
    }

    /// Its live connections.
    pub fn connections(&self) -> &Connections {
        &self.connections
    }

    /// What stops it.
    pub fn drain(&self) -> &Drain {
        &self.drain
    }

    /// The statuses of the responses to its handshakes, in order.
    ///
    /// # Errors
    ///
    /// If one came over another version of HTTP.
    pub fn statuses(&self) -> Result<Vec<StatusCode>> {
        let (expected_method, expected_version) = self.http.handshake();
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let mut statuses = Vec::new();
        for Handshake { method, version, status } in log.iter() {
            if (method, *version) != (&expected_method, expected_version) {
                return Err(format!("a handshake is a {method} over {version:?}, not over {}", self.http).into());
            }
            statuses.push(*status);
        }
        Ok(statuses)
    }
}

async fn record(State(log): State<Log>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let (method, version, counts) = (parts.method.clone(), parts.version, is_handshake(&parts));
    let response = next.run(Request::from_parts(parts, body)).await;
    if counts {
        let handshake = Handshake { method, version, status: response.status() };
        log.lock().unwrap_or_else(PoisonError::into_inner).push(handshake);
    }
    response
}
