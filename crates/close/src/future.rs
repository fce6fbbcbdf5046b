//! The future.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{HeaderValue, Response, StatusCode, header::SEC_WEBSOCKET_VERSION};
use pin_project_lite::pin_project;
use portcullis_core::{
    CloseFrame,
    refusal::{self, Refusal},
    upgrade::{Gate, Guarded},
};

use crate::{
    accept::Handshake,
    layer::{CloseLayer, Who},
};

pin_project! {
    /// The inner service's response, or what it becomes.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F> {
        #[pin]
        future: refusal::ResponseFuture<F>,
        door: Option<Box<Door>>,
    }
}

/// A handshake, and how it may be answered.
struct Door {
    handshake: Handshake,
    /// What upgrades, if anything can.
    guarded: Option<Guarded>,
    layer: CloseLayer,
}

impl<F> ResponseFuture<F> {
    pub(crate) fn inner(future: F) -> Self {
        Self { future: refusal::ResponseFuture::inner(future), door: None }
    }

    pub(crate) fn refused(refusal: Refusal) -> Self {
        Self { future: refusal::ResponseFuture::refused(refusal), door: None }
    }

    pub(crate) fn handshake(future: F, handshake: Handshake, guarded: Option<Guarded>, layer: CloseLayer) -> Self {
        let door = Some(Box::new(Door { handshake, guarded, layer }));
        Self { future: refusal::ResponseFuture::inner(future), door }
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Default + 'static,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = match this.door.as_ref().and_then(|door| door.guarded.as_ref()) {
            Some(guarded) => ready!(guarded.run(|| this.future.poll(cx))),
            None => ready!(this.future.poll(cx)),
        };
        Poll::Ready(match (this.door.take(), response) {
            (Some(door), Ok(response)) => Ok(door.answer(response)),
            (Some(door), Err(error)) => Err(door.failed(error)),
            (None, response) => response,
        })
    }
}

impl Door {
    fn failed<E>(self, error: E) -> E {
        if let Some(guarded) = self.guarded {
            guarded.failed();
        }
        error
    }

    fn answer<B: Default>(self, response: Response<B>) -> Response<B> {
        let Self { handshake, guarded, layer } = self;
        let Some(guarded) = guarded else { return with_version(response) };
        if guarded.is_upgrade(&response) {
            guarded.complete(&response, None);
            return response;
        }
        let wanted = match layer.settings.who {
            Who::Browsers => handshake.browser,
            Who::Everybody => true,
            Who::Nobody => false,
        };
        let frame = wanted.then(|| frame(&layer, &response)).flatten();
        let accepted = frame.and_then(|frame| Some((frame, handshake.accept(&response)?, layer.slot()?)));
        let Some((frame, mut accepted, slot)) = accepted else {
            guarded.complete(&response, None);
            return with_version(response);
        };
        // Nobody opens it: the connection is closed already when it comes, and the place is free when that is known.
        let gate = Gate::new(move |_| {
            drop(slot);
            std::future::pending()
        });
        *accepted.extensions_mut() = response.extensions().clone();
        guarded.turn_away(&accepted, frame, gate);
        accepted
    }
}

fn frame<B>(layer: &CloseLayer, response: &Response<B>) -> Option<CloseFrame> {
    let refusal = response.extensions().get::<Refusal>();
    layer.settings.table.frame(response.status(), response.headers(), refusal)
}

/// A client with another version must be told which one is spoken here (RFC 6455, section 4.4).
fn with_version<B>(mut response: Response<B>) -> Response<B> {
    if matches!(response.status(), StatusCode::BAD_REQUEST | StatusCode::UPGRADE_REQUIRED) {
        response.headers_mut().entry(SEC_WEBSOCKET_VERSION).or_insert(HeaderValue::from_static("13"));
    }
    response
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
