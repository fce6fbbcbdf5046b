//! Takes permits for a handshake, and hands them to its connection.

use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response, request::Parts};
use portcullis_core::{
    Connection,
    policy::Policy,
    refusal::Refusal,
    upgrade::{self, Guarded},
};
use tower_service::Service;

use super::{
    future::{Newcomer, ResponseFuture},
    policy::Late,
    pool::Pool,
    settings::Settings,
};

/// The service of [`ConnectionLimitLayer`](crate::ConnectionLimitLayer).
#[derive(Clone)]
pub struct ConnectionLimit<S> {
    inner: S,
    settings: Arc<Settings>,
    pool: Arc<Pool<Connection>>,
}

impl<S> ConnectionLimit<S> {
    pub(crate) fn new(inner: S, settings: Arc<Settings>, pool: Arc<Pool<Connection>>) -> Self {
        Self { inner, settings, pool }
    }

    /// Takes the permits, which the connection holds from here on.
    fn admit(&self, parts: &Parts, guarded: &Guarded) -> Result<Option<Newcomer>, Refusal> {
        let taken = match self.pool.take(self.settings.keys(parts)?) {
            Ok(taken) => taken,
            Err(full) if self.settings.report_only => {
                self.settings.refusal(&full).report();
                return Ok(None);
            }
            Err(full) => return Err(self.settings.refusal(&full)),
        };
        let (permit, crossed) = taken;
        if let Some(crossed) = crossed {
            self.settings.announce(crossed);
        }
        let (permit, connection) = (Arc::new(permit), guarded.connection().clone());
        connection.hold(permit.clone());
        let report_only = self.settings.report_only;
        Ok(Some(Newcomer { permit, connection, method: parts.method.clone(), report_only }))
    }

    fn policy(&self, parts: &Parts, newcomer: Option<&Newcomer>) -> Option<Box<dyn Policy>> {
        let Newcomer { permit, connection, report_only, .. } =
            newcomer.filter(|_| self.settings.awaits_subject(parts))?;
        Some(Box::new(Late {
            permit: permit.clone(),
            connection: connection.clone(),
            limit: self.settings.subject_limit(),
            report_only: *report_only,
        }))
    }
}

impl<S: fmt::Debug> fmt::Debug for ConnectionLimit<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionLimit").field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for ConnectionLimit<S>
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
        let guarded = match upgrade::enter(&mut request) {
            Ok(Some(guarded)) => guarded,
            Ok(None) => return ResponseFuture::new(upgrade::ResponseFuture::inner(self.inner.call(request)), None),
            Err(refusal) => return ResponseFuture::new(upgrade::ResponseFuture::refused(refusal), None),
        };
        let (parts, body) = request.into_parts();
        let newcomer = match self.admit(&parts, &guarded) {
            Ok(newcomer) => newcomer,
            Err(refusal) => return ResponseFuture::new(upgrade::ResponseFuture::refused(refusal), None),
        };
        let policy = self.policy(&parts, newcomer.as_ref());
        let future = guarded.run(|| self.inner.call(Request::from_parts(parts, body)));
        ResponseFuture::new(upgrade::ResponseFuture::guarded(future, guarded, policy), newcomer)
    }
}
