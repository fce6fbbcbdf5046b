//! Waits for the answer to a handshake: only an accepted one replaces other connections.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http::{Method, Response};
use pin_project_lite::pin_project;
use portcullis_core::{Connection, handshake, upgrade};

use super::{policy::evict, pool::Permit};

/// A connection that is let in, and whom it may replace once its handshake is accepted.
pub(crate) struct Newcomer {
    pub(crate) permit: Arc<Permit<Connection>>,
    pub(crate) connection: Connection,
    pub(crate) method: Method,
    pub(crate) report_only: bool,
}

pin_project! {
    /// The inner service's response, or a refusal.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F> {
        #[pin]
        future: upgrade::ResponseFuture<F>,
        newcomer: Option<Newcomer>,
    }
}

impl<F> ResponseFuture<F> {
    pub(crate) fn new(future: upgrade::ResponseFuture<F>, newcomer: Option<Newcomer>) -> Self {
        Self { future, newcomer }
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
        let response = ready!(this.future.poll(cx))?;
        if let Some(Newcomer { permit, connection, method, report_only }) = this.newcomer.take()
            && handshake::is_upgrade(&method, response.status())
        {
            let evicted = permit.settle(&connection);
            if !report_only {
                evict(evicted);
            }
        }
        Poll::Ready(Ok(response))
    }
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
