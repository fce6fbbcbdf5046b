//! Lets a handshake in if there are permits for it; everything else passes.

use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use portcullis_core::{
    Connection,
    refusal::note_refusing,
    upgrade::{self, Deciding, ResponseFuture},
};
use tower_service::Service;

use super::{admit::admit, permits::Pool, settings::Settings};

/// The service of [`ConnectionLimitLayer`](crate::ConnectionLimitLayer).
#[derive(Clone)]
pub struct ConnectionLimitService<S> {
    inner: S,
    settings: Arc<Settings>,
    pool: Arc<Pool<Connection>>,
}

impl<S> ConnectionLimitService<S> {
    pub(crate) fn new(inner: S, settings: Arc<Settings>, pool: Arc<Pool<Connection>>) -> Self {
        Self { inner, settings, pool }
    }
}

impl<S: fmt::Debug> fmt::Debug for ConnectionLimitService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionLimitService").field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for ConnectionLimitService<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone,
    ResBody: Default + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Deciding<S, ReqBody, ResponseFuture<S::Future>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let Self { inner, settings, pool } = self;
        upgrade::decide(inner, request, |guarded, parts| {
            note_refusing(parts);
            admit(settings, pool, parts, guarded)
        })
    }
}
