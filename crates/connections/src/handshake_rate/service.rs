//! Lets a handshake in if it comes in time, and a plain request unless too many have failed.
//!
//! A handshake is charged before anything expensive happens to it. A plain request is charged when its response says
//! that its credentials were invalid, and refused before that only where earlier ones have used up the quota.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use portcullis_core::{
    clock::now,
    handshake::is_handshake,
    refusal::note_refusing,
    shared::Rate as Quota,
    upgrade::{AdmissionVerdict, Deciding},
};
use tower_service::Service;

use super::{
    admit::{admit, admit_plain},
    cluster,
    future::HandshakeRateFuture,
    rate::Rate,
    settings::Settings,
};

/// The service of [`HandshakeRateLayer`](crate::HandshakeRateLayer).
#[derive(Debug, Clone)]
pub struct HandshakeRateService<S> {
    inner: S,
    settings: Settings,
    quota: Quota,
    rate: Arc<Rate>,
}

impl<S> HandshakeRateService<S> {
    pub(super) fn new(inner: S, settings: Settings, quota: portcullis_quota::Quota, rate: Arc<Rate>) -> Self {
        let quota = Quota { interval: quota.replenish_interval(), burst: quota.burst_size().get() };
        Self { inner, settings, quota, rate }
    }
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for HandshakeRateService<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone,
    ResBody: Default + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Deciding<S, ReqBody, HandshakeRateFuture<S::Future>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let (mut parts, body) = request.into_parts();
        note_refusing(&mut parts);
        let admitted = if is_handshake(&parts) {
            // Charged here even if the store then refuses: the other order would ask the store about each handshake of
            // a flood.
            let here = admit(&self.settings, &self.rate, &parts, now());
            let cluster = here.and_then(|()| cluster::ask(&self.settings, self.quota, &self.rate, &mut parts));
            cluster.map(|verdict| (None, verdict))
        } else {
            let plain = admit_plain(&self.settings, &self.rate, &parts, now());
            plain.map(|key| (key, AdmissionVerdict::ready(Ok(()))))
        };
        let (key, verdict) = match admitted {
            Ok(admitted) => admitted,
            Err(refusal) => return Deciding::decided(HandshakeRateFuture::refused(refusal.answering(&parts))),
        };
        // A failure is charged when the response is there, so requests that are under way at the same time were all
        // admitted before any of them had failed: `Rate::fail` bounds what that gains.
        let watch = key.map(|key| (self.rate.clone(), key));
        let request = Request::from_parts(parts, body);
        Deciding::of(verdict, &mut self.inner, request, move |inner, request, verdict| match (verdict, watch) {
            (Ok(()), Some((rate, key))) => HandshakeRateFuture::watched(inner.call(request), rate, key),
            (Ok(()), None) => HandshakeRateFuture::inner(inner.call(request)),
            (Err(refusal), _) => HandshakeRateFuture::refused(refusal.answering(&request.into_parts().0)),
        })
    }
}
