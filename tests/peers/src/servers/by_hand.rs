//! The same checks by hand in the handler, as in a careful application.

use std::{
    collections::{HashMap, VecDeque},
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use axum::{
    Router,
    extract::{
        ConnectInfo, State,
        ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade},
    },
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::any,
};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::Value;
use tokio::time::{Instant, interval, sleep_until, timeout};

use super::{SIZE, SOON, bytes};
use crate::token::{ISSUER, OWN, SECRET};

/// The connections and handshakes of one address.
#[derive(Default)]
struct Client {
    sockets: usize,
    handshakes: VecDeque<Instant>,
}

/// The limits and the current state.
struct Limits {
    burst: u32,
    sockets: usize,
    clients: Mutex<HashMap<IpAddr, Client>>,
}

/// Counts a socket until its handler ends.
struct Seat(Arc<Limits>, IpAddr);

impl Drop for Seat {
    fn drop(&mut self) {
        let mut clients = self.0.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get_mut(&self.1) {
            client.sockets -= 1;
        }
    }
}

impl Limits {
    /// Takes a seat and a handshake, of those that one address may have in ten seconds.
    fn take(self: &Arc<Self>, address: IpAddr) -> Option<Seat> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let client = clients.entry(address).or_default();
        while client.handshakes.front().is_some_and(|at| at.elapsed() > Duration::from_secs(10)) {
            client.handshakes.pop_front();
        }
        if client.sockets >= self.sockets || client.handshakes.len() >= 10 * self.sockets {
            return None;
        }
        client.handshakes.push_back(Instant::now());
        client.sockets += 1;
        Some(Seat(self.clone(), address))
    }
}

pub(super) fn app(burst: u32, sockets: usize) -> Router {
    let limits = Arc::new(Limits { burst, sockets, clients: Mutex::default() });
    Router::new().route("/ws", any(upgrade)).with_state(limits)
}

async fn upgrade(
    State(limits): State<Arc<Limits>>,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    if headers.get("origin").is_none_or(|origin| origin != OWN) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let Some(expires) = token(&headers) else { return StatusCode::UNAUTHORIZED.into_response() };
    let Some(seat) = limits.take(address.ip()) else { return StatusCode::TOO_MANY_REQUESTS.into_response() };
    let upgrade = upgrade.read_buffer_size(4096).max_message_size(SIZE).max_frame_size(SIZE);
    upgrade.on_upgrade(move |socket| serve(socket, limits.burst, expires, seat))
}

/// When the token expires, if it is valid.
fn token(headers: &HeaderMap) -> Option<Instant> {
    let token = headers.get("authorization")?.to_str().ok()?.strip_prefix("Bearer ")?;
    let mut validation = Validation::new(Algorithm::HS256);
    validation.set_audience(&["chat"]);
    validation.set_issuer(&[ISSUER]);
    validation.leeway = 0;
    let claims = jsonwebtoken::decode::<Value>(token, &DecodingKey::from_secret(SECRET), &validation).ok()?.claims;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    Some(Instant::now() + Duration::from_secs(claims["exp"].as_u64()?).saturating_sub(now))
}

/// The quota of one connection, half of which is replenished each second.
struct Bucket {
    left: f64,
    most: f64,
    at: Instant,
}

impl Bucket {
    fn new(most: f64) -> Self {
        Self { left: most, most, at: Instant::now() }
    }

    fn take(&mut self, many: f64) -> bool {
        let now = Instant::now();
        let back = (now - self.at).as_secs_f64() * self.most / 2.0;
        self.left = (self.left + back).min(self.most) - many;
        self.at = now;
        self.left >= 0.0
    }
}

/// Echoes until the client or the server closes.
async fn serve(mut socket: WebSocket, burst: u32, expires: Instant, _seat: Seat) {
    let (mut messages, mut payload) = (Bucket::new(f64::from(burst)), Bucket::new(f64::from(bytes(burst))));
    let (mut pings, mut ponged, mut said) = (interval(SOON), Instant::now(), Instant::now());
    let why = loop {
        tokio::select! {
            message = socket.recv() => match message {
                Some(Ok(message @ (Message::Text(_) | Message::Binary(_)))) => {
                    said = Instant::now();
                    if !messages.take(1.0) || !payload.take(length(&message)) {
                        break "too many messages";
                    }
                    match timeout(SOON, socket.send(message)).await {
                        Ok(Ok(())) => {}
                        Ok(Err(_)) | Err(_) => return,
                    }
                }
                Some(Ok(Message::Pong(_))) => ponged = Instant::now(),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return,
            },
            _ = pings.tick() => {
                if ponged.elapsed() > 2 * SOON || said.elapsed() > 2 * SOON {
                    break "idle";
                }
                if socket.send(Message::Ping(Vec::new().into())).await.is_err() {
                    return;
                }
            },
            () = sleep_until(expires) => break "token expired",
        }
    };
    let close = Message::Close(Some(CloseFrame { code: 1008, reason: why.into() }));
    // The client may be gone.
    let _gone_already = timeout(SOON, socket.send(close)).await;
}

#[allow(clippy::cast_precision_loss, reason = "a message is smaller than 2^52 bytes")]
fn length(message: &Message) -> f64 {
    match message {
        Message::Text(text) => text.len() as f64,
        Message::Binary(bytes) => bytes.len() as f64,
        _ => 0.0,
    }
}
