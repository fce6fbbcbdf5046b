//! A decision that is made at once, or has to wait for an answer.
//!
//! Most decisions of a handshake need no answer from elsewhere. They are made without a future and without an
//! allocation; the same type carries those that have to ask a store or an issuer.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker},
};

/// A decision that is made at once, or that has to wait for an answer from elsewhere. One that is made at once does not
/// allocate.
///
/// ```
/// use portcullis_core::Decision;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let made = Decision::ready(7);
/// assert_eq!(made.at_once().unwrap(), 7);
///
/// let asked = Decision::wait(async { tokio::task::yield_now().await; 7 });
/// let waiting = asked.at_once().unwrap_err();
/// assert_eq!(waiting.await, 7);
/// # }
/// ```
#[must_use = "futures do nothing unless polled"]
pub struct Decision<T>(Kind<T>);

const TAKEN: &str = "a future is not polled after it is ready";

enum Kind<T> {
    Ready(Option<T>),
    Waiting(Pin<Box<dyn Future<Output = T> + Send>>),
}

impl<T> Decision<T> {
    /// Creates a decision that is already made.
    pub const fn ready(value: T) -> Self {
        Self(Kind::Ready(Some(value)))
    }

    /// Creates a decision that waits for a future. Dropping the decision drops the future.
    pub fn wait(future: impl Future<Output = T> + Send + 'static) -> Self {
        Self(Kind::Waiting(Box::pin(future)))
    }

    /// Applies a function to what is decided, now or later.
    ///
    /// ```
    /// use portcullis_core::Decision;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let answers = [Decision::ready(3), Decision::wait(async { tokio::task::yield_now().await; 3 })];
    /// for left in answers {
    ///     assert!(left.map(|left| left > 0).await);
    /// }
    /// # }
    /// ```
    pub fn map<U>(self, change: impl FnOnce(T) -> U + Send + 'static) -> Decision<U>
    where
        T: Send + 'static,
    {
        match self.0 {
            Kind::Ready(value) => Decision(Kind::Ready(value.map(change))),
            Kind::Waiting(future) => Decision::wait(async move { change(future.await) }),
        }
    }

    /// Returns the decision if it is made or its future is ready at the first poll.
    ///
    /// # Errors
    ///
    /// Returns the decision itself if it has to be awaited.
    ///
    /// # Panics
    ///
    /// If it was polled before, and was ready.
    pub fn at_once(self) -> Result<T, Self> {
        match self.0 {
            Kind::Ready(value) => Ok(value.expect(TAKEN)),
            Kind::Waiting(mut future) => match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(value) => Ok(value),
                Poll::Pending => Err(Self(Kind::Waiting(future))),
            },
        }
    }
}

// Nothing in it is pinned in place.
impl<T> Unpin for Decision<T> {}

impl<T> Future for Decision<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        match &mut self.0 {
            Kind::Ready(value) => Poll::Ready(value.take().expect(TAKEN)),
            Kind::Waiting(future) => future.as_mut().poll(cx),
        }
    }
}

impl<T> fmt::Debug for Decision<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decision").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    #[test]
    fn what_is_ready_at_the_first_poll_is_decided_at_once() {
        assert_eq!(Decision::ready(1).at_once().unwrap(), 1);
        assert_eq!(Decision::wait(ready(2)).at_once().unwrap(), 2);
        assert!(Decision::<()>::wait(pending()).at_once().is_err());
    }

    #[test]
    fn a_decision_is_changed_whenever_it_is_made() {
        for decision in [Decision::ready(1), Decision::wait(ready(1))] {
            assert_eq!(decision.map(|one| one + 1).at_once().unwrap(), 2);
        }
    }
}
