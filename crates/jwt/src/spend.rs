//! A verified token on its way to a session: where tokens are tickets, it is used up first.
//!
//! A ticket is used up before the session begins. In the other order, two handshakes with the same ticket could both
//! have begun one.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use portcullis_core::{Decision, clock::now, shared::Deadline};

use crate::{error::TokenError, settings::Settings, time::Time, verify::Verified};

/// A token that is good for a session: if it is a ticket, it has been used up for it.
pub(crate) struct Spent<T> {
    pub(crate) verified: Verified<T>,
    /// From before it was spent.
    pub(crate) time: Time,
}

/// A ticket that is being used up: others are asked whether it was.
///
/// A ticket may be used up though this is dropped.
pub(crate) struct Spending<T> {
    token: Option<Spent<T>>,
    decision: Decision<Result<(), TokenError>>,
}

impl<T: 'static> Settings<T> {
    /// Uses a ticket up, where tokens are tickets, by a deadline if others are asked; most tokens are none, and need
    /// not wait. The verifier's clock, which may be the application's code, is read before anything is done: if it
    /// panics, nothing is half done.
    #[expect(clippy::result_large_err, reason = "what has to wait is put into a box right away")]
    pub(crate) fn spend(
        &self,
        verified: Verified<T>,
        by: impl FnOnce(Duration) -> Deadline,
    ) -> Result<Result<Spent<T>, TokenError>, Spending<T>> {
        let time = self.time(now());
        let used_up = match (&self.tickets, &verified.id, verified.expires_at) {
            // An application's own verifier may set an expiry without comparing it with the clock.
            (_, _, Some(until)) if until <= time.wall => Err(TokenError::Expired),
            (None, ..) => Ok(()),
            (Some(tickets), Some(id), Some(until)) => match tickets.spend(id, until, time.wall, by).at_once() {
                Ok(used_up) => used_up,
                Err(decision) => return Err(Spending { token: Some(Spent { verified, time }), decision }),
            },
            (_, None, _) => Err(TokenError::Invalid("a ticket without a name")),
            (_, _, None) => Err(TokenError::Invalid("a ticket that does not expire")),
        };
        Ok(used_up.map(|()| Spent { verified, time }))
    }

    /// As [`spend`](Self::spend), and waits.
    pub(crate) async fn spend_in_time(
        &self,
        verified: Verified<T>,
        by: impl FnOnce(Duration) -> Deadline,
    ) -> Result<Spent<T>, TokenError> {
        match self.spend(verified, by) {
            Ok(result) => result,
            Err(spending) => spending.await,
        }
    }
}

// Nothing in it is pinned in place.
impl<T> Unpin for Spending<T> {}

impl<T> Future for Spending<T> {
    type Output = Result<Spent<T>, TokenError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let decided = ready!(Pin::new(&mut self.decision).poll(cx));
        Poll::Ready(decided.map(|()| self.token.take().expect("a future is not polled after it is ready")))
    }
}
