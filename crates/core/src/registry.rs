//! The live connections of a server: one registry for whoever lists, kicks, revokes or drains.

use std::{
    collections::HashMap,
    fmt,
    net::IpAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use http::{Request, Response};
use tokio::sync::Notify;
use tower_layer::Layer;
use tower_service::Service;

use crate::{
    close::CloseFrame,
    connection::Connection,
    id::ConnectionId,
    identity::Subject,
    sync::lock,
    upgrade::{self, ResponseFuture},
};

const SHARDS: usize = 16;

/// The live connections, from their handshake to the end of their closing handshake. Clones share the registry.
///
/// Its [`layer`](Self::layer) puts connections into it, and itself into the request's extensions.
#[derive(Clone, Default)]
pub struct Connections(Arc<Registry>);

#[derive(Default)]
struct Registry {
    shards: [Mutex<HashMap<ConnectionId, Connection>>; SHARDS],
    count: AtomicUsize,
    emptied: Notify,
}

impl Connections {
    /// No connection yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A layer that puts every guarded connection into this registry.
    pub fn layer(&self) -> ConnectionsLayer {
        ConnectionsLayer { connections: self.clone() }
    }

    /// How many there are, handshakes under way among them.
    pub fn count(&self) -> usize {
        self.0.count.load(Ordering::Acquire)
    }

    /// The connection of a name.
    pub fn get(&self, id: ConnectionId) -> Option<Connection> {
        lock(self.0.shard(id)).get(&id).cloned()
    }

    /// All of them. A shard is locked while it is copied, and nothing is while they are looked at.
    pub fn all(&self) -> Vec<Connection> {
        self.find(|_| true)
    }

    /// Those that fulfil a condition, which must not block.
    pub fn find(&self, wanted: impl Fn(&Connection) -> bool) -> Vec<Connection> {
        let of_shard = |shard: &Mutex<HashMap<_, Connection>>| lock(shard).values().cloned().collect::<Vec<_>>();
        self.0.shards.iter().flat_map(of_shard).filter(|connection| wanted(connection)).collect()
    }

    /// Those of a subject.
    pub fn of_subject(&self, subject: &Subject) -> Vec<Connection> {
        self.find(|connection| connection.subject().as_ref() == Some(subject))
    }

    /// Those of a client address.
    pub fn of_client(&self, address: IpAddr) -> Vec<Connection> {
        self.find(|connection| connection.peer_addr() == Some(address))
    }

    /// Closes those that fulfil a condition. Returns how many.
    pub fn close_where(&self, frame: &CloseFrame, wanted: impl Fn(&Connection) -> bool) -> usize {
        let found = self.find(wanted);
        for connection in &found {
            connection.close(frame.clone());
        }
        found.len()
    }

    /// Waits until there is none. Cancel safe.
    pub async fn emptied(&self) {
        loop {
            let notified = self.0.emptied.notified();
            if self.count() == 0 {
                return;
            }
            notified.await;
        }
    }

    /// Puts a connection into the registry until it has ended, for those who guard a transport of their own.
    pub fn insert(&self, connection: &Connection) {
        let id = connection.id();
        if lock(self.0.shard(id)).insert(id, connection.clone()).is_none() {
            self.0.count.fetch_add(1, Ordering::AcqRel);
            connection.hold(Entry { registry: self.0.clone(), id });
        }
    }
}

impl Registry {
    fn shard(&self, id: ConnectionId) -> &Mutex<HashMap<ConnectionId, Connection>> {
        &self.shards[id.shard(SHARDS)]
    }
}

/// A connection's place in a registry, held by the connection itself.
struct Entry {
    registry: Arc<Registry>,
    id: ConnectionId,
}

impl Drop for Entry {
    fn drop(&mut self) {
        let removed = lock(self.registry.shard(self.id)).remove(&self.id);
        if removed.is_some() && self.registry.count.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.registry.emptied.notify_waiters();
        }
    }
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connections").field("count", &self.count()).finish_non_exhaustive()
    }
}

/// The layer of [`Connections::layer`].
#[derive(Debug, Clone)]
#[must_use]
pub struct ConnectionsLayer {
    connections: Connections,
}

impl<S> Layer<S> for ConnectionsLayer {
    type Service = ConnectionsService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ConnectionsService { inner, connections: self.connections.clone() }
    }
}

/// The service of [`ConnectionsLayer`].
#[derive(Debug, Clone)]
pub struct ConnectionsService<S> {
    inner: S,
    connections: Connections,
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for ConnectionsService<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    ResBody: Default + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        request.extensions_mut().insert(self.connections.clone());
        match upgrade::enter(&mut request) {
            Ok(Some(guarded)) => {
                self.connections.insert(guarded.connection());
                ResponseFuture::guarded(guarded.run(|| self.inner.call(request)), guarded, None)
            }
            Ok(None) => ResponseFuture::inner(self.inner.call(request)),
            Err(refusal) => ResponseFuture::refused(refusal),
        }
    }
}

#[cfg(feature = "axum")]
mod extract {
    use axum_core::{
        extract::FromRequestParts,
        response::{IntoResponse, Response},
    };
    use http::request::Parts;

    use super::Connections;
    use crate::refusal::Refusal;

    /// Refused with a 500 where no layer of a registry stands outside.
    impl<S: Sync> FromRequestParts<S> for Connections {
        type Rejection = Response;

        async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
            parts.extensions.get().cloned().ok_or_else(|| {
                let sentence =
                    "`Connections` was extracted where no `connections.layer()` stands outside of the handler";
                Refusal::wiring(sentence).into_response::<axum_core::body::Body>().into_response()
            })
        }
    }
}
