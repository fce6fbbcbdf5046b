//! Gives each handshake an account, a policy and an allowance; everything else passes.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use portcullis_core::{
    policy::Policy,
    upgrade::{self, ResponseFuture},
};
use tower_service::Service;

use crate::{
    account::Account,
    allowance::Allowance,
    key::{By, Owned},
    policy::Limiter,
    shared::Shared,
};

/// The service of [`MessageRateLayer`](crate::MessageRateLayer).
#[derive(Debug, Clone)]
pub struct MessageRateService<S> {
    inner: S,
    shared: Arc<Shared>,
}

impl<S> MessageRateService<S> {
    pub(crate) fn new(inner: S, shared: Arc<Shared>) -> Self {
        Self { inner, shared }
    }
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for MessageRateService<S>
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

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        upgrade::call(&mut self.inner, request, |guarded, parts| {
            let owned = self.shared.owned(parts)?;
            let account = Arc::new(Account::new(self.shared.clone(), self.shared.owner(&owned)));
            let outer = parts.extensions.get::<Allowance>().cloned();
            let allowance = Allowance::new(account.clone(), outer);
            guarded.connection().described_by(|| allowance.clone());
            parts.extensions.insert(allowance);
            // A subject that is the owner already would be looked up once more when the policy is notified of it.
            let known = matches!(owned, Owned::By(By::Subject(_)));
            let policy: Box<dyn Policy> = Box::new(Limiter::new(account).knowing_subject(known));
            Ok(Some(policy))
        })
    }
}
