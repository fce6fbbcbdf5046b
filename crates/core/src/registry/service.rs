//! The service that puts a handshake's connection into a registry.
//!
//! It refuses nothing, and stands on [`upgrade::enforce`](crate::upgrade::enforce()): a request that is not a handshake
//! gets the registry and no connection.

use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;

use super::Connections;
use crate::upgrade::{self, ResponseFuture};

/// The service of [`ConnectionsLayer`](super::ConnectionsLayer).
#[derive(Debug, Clone)]
pub struct ConnectionsService<S> {
    inner: S,
    connections: Connections,
}

impl<S> ConnectionsService<S> {
    pub(super) fn new(inner: S, connections: Connections) -> Self {
        Self { inner, connections }
    }
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
        upgrade::enforce(&mut self.inner, request, |guarded, _| {
            self.connections.insert(guarded.connection());
            None
        })
    }
}
