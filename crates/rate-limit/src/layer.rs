//! The layer.

use std::{
    num::NonZeroU32,
    sync::Arc,
    task::{Context, Poll},
};

use governor::Quota;
use http::{Request, Response};
use portcullis_core::{
    CloseCode, CloseFrame,
    policy::Policy,
    upgrade::{self, ResponseFuture},
};
use tower_layer::Layer;
use tower_service::Service;

use crate::policy::{Excess, Limiter, Limits};

/// Limits the messages of each connection. The crate's page says what is counted and what the defaults are.
#[derive(Debug, Clone)]
#[must_use]
pub struct MessageRateLayer {
    limits: Arc<Limits>,
}

impl MessageRateLayer {
    /// So many messages a second on average, and as many at once.
    ///
    /// # Panics
    ///
    /// If that is none. A connection that may send no message needs no layer.
    pub fn per_second(messages: u32) -> Self {
        Self::new(Quota::per_second(count(messages)))
    }

    /// A quota of messages.
    pub fn new(quota: Quota) -> Self {
        let control = Quota::per_second(count(10)).allow_burst(count(30));
        Self {
            limits: Arc::new(Limits {
                messages: quota,
                control,
                continuations: None,
                empty: 32,
                excess: Excess::default(),
                close: CloseFrame::new(CloseCode::POLICY_VIOLATION, "message rate exceeded"),
                report_only: false,
            }),
        }
    }

    /// So many messages at once.
    ///
    /// # Panics
    ///
    /// If that is none.
    pub fn burst(self, messages: u32) -> Self {
        self.set(|limits| limits.messages = limits.messages.allow_burst(count(messages)))
    }

    /// What happens to a message over the quota.
    pub fn on_excess(self, excess: Excess) -> Self {
        self.set(|limits| limits.excess = excess)
    }

    /// The close frame for a message over the quota.
    pub fn close_frame(self, frame: CloseFrame) -> Self {
        self.set(|limits| limits.close = frame)
    }

    /// The quota of pings and pongs.
    pub fn control_quota(self, quota: Quota) -> Self {
        self.set(|limits| limits.control = quota)
    }

    /// The quota of continuation frames.
    pub fn continuation_quota(self, quota: Quota) -> Self {
        self.set(|limits| limits.continuations = Some(quota))
    }

    /// How many empty continuation frames a message may have.
    pub fn empty_continuations(self, frames: u32) -> Self {
        self.set(|limits| limits.empty = frames)
    }

    /// Nothing is closed, delayed or dropped.
    pub fn report_only(self) -> Self {
        self.set(|limits| limits.report_only = true)
    }

    /// The quota of messages.
    pub fn quota(&self) -> Quota {
        self.limits.messages
    }

    fn set(mut self, change: impl FnOnce(&mut Limits)) -> Self {
        change(Arc::make_mut(&mut self.limits));
        self
    }
}

fn count(cells: u32) -> NonZeroU32 {
    NonZeroU32::new(cells).expect("a rate or a burst is at least one")
}

impl<S> Layer<S> for MessageRateLayer {
    type Service = MessageRate<S>;

    fn layer(&self, inner: S) -> Self::Service {
        MessageRate { inner, limits: self.limits.clone() }
    }
}

/// The service of [`MessageRateLayer`].
#[derive(Debug, Clone)]
pub struct MessageRate<S> {
    inner: S,
    limits: Arc<Limits>,
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for MessageRate<S>
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
        match upgrade::enter(&mut request) {
            Ok(Some(guarded)) => {
                let policy: Box<dyn Policy> = Box::new(Limiter::new(self.limits.clone()));
                ResponseFuture::guarded(self.inner.call(request), guarded, policy)
            }
            Ok(None) => ResponseFuture::inner(self.inner.call(request)),
            Err(refusal) => ResponseFuture::refused(refusal),
        }
    }
}
