//! What the server sees: live connections, refusals, and how connections ended. Everything is bounded.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use axum::{
    Json, Router,
    extract::{Request, State},
    http::StatusCode,
    middleware::Next,
    response::Response,
    routing::get,
};
use portcullis::{CloseCode, CloseFrame, Connection, Connections, Ended, EndedBy, refusal::Refusal};
use serde::Serialize;

const MAX_ROWS: usize = 40;
const MAX_ENDS: usize = 12;

/// Counts what [`watch`] observes. Clones share their counts.
#[derive(Clone)]
pub(crate) struct Panel {
    connections: Connections,
    observed: Arc<Mutex<Observed>>,
}

#[derive(Default)]
struct Observed {
    /// By kind, of which there is a fixed set.
    refusals: BTreeMap<&'static str, Refused>,
    /// The latest ends: when, how many times in a row, and the end.
    ends: VecDeque<(Instant, u64, End)>,
}

#[derive(Clone, Serialize)]
struct Refused {
    kind: &'static str,
    status: u16,
    code: Option<u16>,
    count: u64,
}

#[derive(Clone, PartialEq, Eq, Serialize)]
struct End {
    subject: Option<String>,
    by: &'static str,
    code: Option<u16>,
    reason: String,
}

#[derive(Serialize)]
struct Ends {
    #[serde(flatten)]
    end: End,
    count: u64,
    seconds: u64,
}

#[derive(Serialize)]
struct Live {
    id: String,
    subject: Option<String>,
    seconds: u64,
    messages_in: u64,
    messages_out: u64,
}

#[derive(Serialize)]
struct View {
    count: usize,
    live: Vec<Live>,
    refusals: Vec<Refused>,
    ends: Vec<Ends>,
}

/// Counts a refused handshake by the refusal in its response, and an accepted one when its connection has ended.
pub(crate) async fn watch(State(panel): State<Panel>, request: Request, next: Next) -> Response {
    let connection = request.extensions().get::<Connection>().cloned();
    let response = next.run(request).await;
    if let Some(refusal) = response.extensions().get::<Refusal>() {
        panel.refused(refusal);
    } else if let (Some(connection), StatusCode::SWITCHING_PROTOCOLS) = (connection, response.status()) {
        // One task per connection, and connections are limited.
        tokio::spawn(async move { panel.ended(&connection, connection.closed().await) });
    }
    response
}

impl Panel {
    /// Creates a panel for the connections of a registry.
    pub(crate) fn new(connections: Connections) -> Self {
        Self { connections, observed: Arc::default() }
    }

    /// `GET /panel`, which the page polls each second.
    pub(crate) fn routes(self) -> Router {
        Router::new().route("/panel", get(async |State(panel): State<Self>| Json(panel.view()))).with_state(self)
    }

    fn refused(&self, refusal: &Refusal) {
        let (kind, status) = (refusal.kind().as_str(), refusal.status().as_u16());
        let code = refusal.close_frame().filter(|_| !refusal.is_http_only()).and_then(code);
        let mut observed = self.observed();
        observed.refusals.entry(kind).or_insert(Refused { kind, status, code, count: 0 }).count += 1;
    }

    fn ended(&self, connection: &Connection, ended: Ended) {
        let frame = ended.frame.unwrap_or_default();
        let reason = frame.reason().to_owned();
        let end = End { subject: subject(connection), by: by(ended.by), code: code(&frame), reason };
        let ends = &mut self.observed().ends;
        match ends.front_mut() {
            Some((at, count, last)) if *last == end => (*at, *count) = (Instant::now(), *count + 1),
            _ => ends.push_front((Instant::now(), 1, end)),
        }
        ends.truncate(MAX_ENDS);
    }

    fn view(&self) -> View {
        let mut live = self.connections.all();
        live.sort_by_key(Connection::id);
        let observed = self.observed();
        let aged = |(at, count, end): &(Instant, u64, End)| {
            let seconds = at.elapsed().as_secs();
            Ends { end: end.clone(), count: *count, seconds }
        };
        View {
            count: live.len(),
            live: live.iter().rev().take(MAX_ROWS).map(Live::of).collect(),
            refusals: observed.refusals.values().cloned().collect(),
            ends: observed.ends.iter().map(aged).collect(),
        }
    }

    fn observed(&self) -> MutexGuard<'_, Observed> {
        self.observed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Live {
    fn of(connection: &Connection) -> Self {
        let counters = connection.counters();
        Self {
            id: connection.id().to_string(),
            subject: subject(connection),
            seconds: connection.started().elapsed().as_secs(),
            messages_in: counters.messages_in,
            messages_out: counters.messages_out,
        }
    }
}

fn code(frame: &CloseFrame) -> Option<u16> {
    frame.code().map(CloseCode::as_u16)
}

fn subject(connection: &Connection) -> Option<String> {
    connection.subject().map(|subject| subject.as_str().to_owned())
}

fn by(who: EndedBy) -> &'static str {
    match who {
        EndedBy::Peer => "client",
        EndedBy::Handler => "handler",
        EndedBy::Guard => "guard",
        _ => "network",
    }
}
