//! The service of all layers here.

use std::{
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use http::{HeaderMap, Request, Response};
use portcullis_core::{
    frame::FrameHeader,
    policy::{Action, Batch, BatchVerdict, Policy, Standing, Verdict},
    upgrade::{self, ResponseFuture},
};
use tower_service::Service;

/// What a layer does for a handshake.
pub trait Watch {
    /// Takes out of the handshake what the handler must not agree to.
    fn prepare(&self, headers: &mut HeaderMap) {
        let _ = headers;
    }

    /// What is enforced on the connection. It shares the layer with others: connections are many.
    fn policy(self: &Arc<Self>) -> Box<dyn Policy>;
}

/// A policy, or one that only reports.
pub(crate) fn reported(policy: impl Policy, report_only: bool) -> Box<dyn Policy> {
    if report_only { Box::new(ReportOnly { policy, reported: false, untold: 0 }) } else { Box::new(policy) }
}

/// Asks a policy until it would have closed the connection, and closes nothing.
struct ReportOnly<P> {
    policy: P,
    reported: bool,
    untold: u64,
}

impl<P> ReportOnly<P> {
    fn report(&mut self) {
        self.reported = true;
        self.untold = 1;
    }
}

impl<P: Policy> Policy for ReportOnly<P> {
    fn name(&self) -> &'static str {
        self.policy.name()
    }

    fn take_reported(&mut self) -> u64 {
        std::mem::take(&mut self.untold)
    }

    fn on_batch(&mut self, batch: &Batch, now: Instant) -> BatchVerdict {
        if self.reported { BatchVerdict::Pass } else { self.policy.on_batch(batch, now) }
    }

    fn on_frame(&mut self, frame: &FrameHeader, now: Instant) -> Verdict {
        if !self.reported && matches!(self.policy.on_frame(frame, now), Verdict::Close(_)) {
            self.report();
        }
        Verdict::Pass
    }

    fn on_pong(&mut self, round_trip: Duration, now: Instant) {
        self.policy.on_pong(round_trip, now);
    }

    fn watches_input(&self) -> bool {
        self.policy.watches_input()
    }

    fn watches_output(&self) -> bool {
        self.policy.watches_output()
    }

    fn deadline(&self, standing: &Standing) -> Option<Instant> {
        if self.reported { None } else { self.policy.deadline(standing) }
    }

    fn on_deadline(&mut self, standing: &Standing, now: Instant) -> Action {
        match self.policy.on_deadline(standing, now) {
            Action::Close(_) => {
                self.report();
                Action::None
            }
            action => action,
        }
    }
}

/// The service of this crate's layers.
#[derive(Debug, Clone)]
pub struct Watched<S, L> {
    inner: S,
    layer: Arc<L>,
}

impl<S, L> Watched<S, L> {
    pub(crate) fn new(inner: S, layer: L) -> Self {
        Self { inner, layer: Arc::new(layer) }
    }
}

impl<S, L, ReqBody, ResBody> Service<Request<ReqBody>> for Watched<S, L>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    L: Watch,
    ResBody: Default + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        match upgrade::enter(&mut request) {
            Ok(Some(guarded)) => {
                self.layer.prepare(request.headers_mut());
                let future = guarded.run(|| self.inner.call(request));
                ResponseFuture::guarded(future, guarded, self.layer.policy())
            }
            Ok(None) => ResponseFuture::inner(self.inner.call(request)),
            Err(refusal) => ResponseFuture::refused(refusal),
        }
    }
}

/// The layer, and the service that stands behind it.
macro_rules! layer {
    ($layer:ty) => {
        impl<S> tower_layer::Layer<S> for $layer {
            type Service = crate::service::Watched<S, $layer>;

            fn layer(&self, inner: S) -> Self::Service {
                crate::service::Watched::new(inner, self.clone())
            }
        }
    };
}
pub(crate) use layer;
