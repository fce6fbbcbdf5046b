//! The layer that installs a custom policy.

use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response, request::Parts};
use tower_layer::Layer;
use tower_service::Service;

use crate::{
    connection::Connection,
    policy::Policy,
    upgrade::{self, ResponseFuture},
};

/// Installs a custom [`Policy`] on every connection: `PolicyLayer::new(|parts, connection| policy)`.
///
/// The closure is called for each handshake. The policy it returns is installed if the response is an upgrade.
#[must_use]
pub struct PolicyLayer<F> {
    policy: Arc<F>,
}

impl<F> PolicyLayer<F> {
    /// Creates a layer from a closure that creates the policy for a handshake.
    pub fn new<P>(policy: F) -> Self
    where
        F: Fn(&Parts, &Connection) -> P,
        P: Policy,
    {
        Self { policy: Arc::new(policy) }
    }
}

impl<F> Clone for PolicyLayer<F> {
    fn clone(&self) -> Self {
        Self { policy: self.policy.clone() }
    }
}

impl<F> fmt::Debug for PolicyLayer<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PolicyLayer").finish_non_exhaustive()
    }
}

impl<S, F> Layer<S> for PolicyLayer<F> {
    type Service = PolicyService<S, F>;

    fn layer(&self, inner: S) -> Self::Service {
        PolicyService { inner, policy: self.policy.clone() }
    }
}

/// The service of [`PolicyLayer`].
pub struct PolicyService<S, F> {
    inner: S,
    policy: Arc<F>,
}

impl<S: Clone, F> Clone for PolicyService<S, F> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), policy: self.policy.clone() }
    }
}

impl<S: fmt::Debug, F> fmt::Debug for PolicyService<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PolicyService").field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl<S, F, P, ReqBody, ResBody> Service<Request<ReqBody>> for PolicyService<S, F>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    F: Fn(&Parts, &Connection) -> P,
    P: Policy,
    ResBody: Default + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        upgrade::call(&mut self.inner, request, |guarded, parts| {
            let policy: Box<dyn Policy> = Box::new((self.policy)(parts, guarded.connection()));
            Ok(Some(policy))
        })
    }
}
