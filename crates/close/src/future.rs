//! The inner service's response, which goes out as it is or becomes an accepted handshake that is closed at once.
//!
//! What becomes of a response to a handshake:
//!
//! | The response | Who asks | Goes out as |
//! | --- | --- | --- |
//! | an upgrade | any | it is |
//! | an error | a client that can read a status | it is, with `Connection: close` over HTTP/1 |
//! | an error | a browser | a `101` and a close frame, if the handshake may be accepted and a slot is free |
//! | a foreign origin ([`Refusal::http_only`]) | any | the status |
//! | 2xx or 3xx that does not upgrade | any | it is |

use std::{
    fmt,
    future::Future,
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http::{
    HeaderMap, HeaderValue, Response, StatusCode,
    header::{CONNECTION, SEC_WEBSOCKET_VERSION},
};
use pin_project_lite::pin_project;
use portcullis_core::{
    CloseFrame,
    gate::Gate,
    refusal::{self, Refusal},
    upgrade::GuardedHandshake,
};

use crate::{
    accept::Handshake,
    settings::{Recipients, Settings},
};

pin_project! {
    /// The future of [`CloseService`](crate::CloseService).
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F> {
        #[pin]
        future: refusal::ResponseFuture<F>,
        pending: Option<Box<PendingResponse>>,
    }
}

/// A handshake, and how it may be answered.
struct PendingResponse {
    handshake: Handshake,
    /// What upgrades, if anything can.
    guarded: Option<GuardedHandshake>,
    settings: Arc<Settings>,
}

impl<F> ResponseFuture<F> {
    pub(crate) fn inner(future: F) -> Self {
        Self { future: refusal::ResponseFuture::inner(future), pending: None }
    }

    pub(crate) fn refused(refusal: Refusal) -> Self {
        Self { future: refusal::ResponseFuture::refused(refusal), pending: None }
    }

    #[inline]
    pub(crate) fn handshake(
        future: F,
        handshake: Handshake,
        guarded: Option<GuardedHandshake>,
        settings: Arc<Settings>,
    ) -> Self {
        let pending = Some(Box::new(PendingResponse { handshake, guarded, settings }));
        Self { future: refusal::ResponseFuture::inner(future), pending }
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
        let response = match this.pending.as_ref().and_then(|pending| pending.guarded.as_ref()) {
            Some(guarded) => ready!(guarded.in_span(|| this.future.poll(cx))),
            None => ready!(this.future.poll(cx)),
        };
        Poll::Ready(match (this.pending.take(), response) {
            (Some(pending), Ok(response)) => Ok(pending.answer(response)),
            (Some(pending), Err(error)) => Err(pending.failed(error)),
            (None, response) => response,
        })
    }
}

impl PendingResponse {
    fn failed<E>(self, error: E) -> E {
        if let Some(guarded) = self.guarded {
            guarded.failed();
        }
        error
    }

    fn answer<B: Default>(self, mut response: Response<B>) -> Response<B> {
        let Self { handshake, guarded, settings } = self;
        let Some(guarded) = guarded else { return unaccepted(&handshake, response) };
        if guarded.is_upgrade(&response) {
            guarded.complete(&response, None);
            return response;
        }
        let wanted = match settings.recipients {
            Recipients::Browsers => handshake.browser,
            Recipients::All => true,
            Recipients::None => false,
        };
        let frame = wanted.then(|| frame(&settings, &response)).flatten();
        let accepted = frame.and_then(|frame| Some((frame, handshake.accept(&response)?, settings.slot()?)));
        let Some((frame, mut accepted, slot)) = accepted else {
            guarded.complete(&response, None);
            return unaccepted(&handshake, response);
        };
        // Until the closing handshake has ended, too: those are bounded for the whole process, and clients that are
        // refused and never answer must leave some to others.
        guarded.connection().hold(slot);
        // It is never opened: the connection is closed already when it comes.
        let gate = Gate::new(|_| std::future::pending());
        *accepted.extensions_mut() = mem::take(response.extensions_mut());
        guarded.complete_and_close(&accepted, frame, gate);
        accepted
    }
}

fn frame<B>(settings: &Settings, response: &Response<B>) -> Option<CloseFrame> {
    let refusal = response.extensions().get::<Refusal>();
    settings.table.frame(response.status(), response.headers(), refusal)
}

/// An answer of HTTP's to a handshake, whatever its status: a proxy that takes any for a `101` would pass on what its
/// client sends behind it.
fn unaccepted<B>(handshake: &Handshake, mut response: Response<B>) -> Response<B> {
    let status = response.status();
    let headers = response.headers_mut();
    // The response to a client with another version must name the one that is spoken here (RFC 6455, section 4.4).
    if matches!(status, StatusCode::BAD_REQUEST | StatusCode::UPGRADE_REQUIRED) {
        headers.entry(SEC_WEBSOCKET_VERSION).or_insert(HeaderValue::from_static("13"));
    }
    if handshake.is_last() && status != StatusCode::SWITCHING_PROTOCOLS && !closes(headers) {
        // Beside what else is said there: a 426 names its `Upgrade`.
        headers.append(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

fn closes(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    values.any(|value| value.split(',').any(|option| option.trim().eq_ignore_ascii_case("close")))
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
