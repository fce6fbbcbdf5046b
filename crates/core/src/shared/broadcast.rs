//! The result of an action on this node that is broadcast to the other nodes.
//!
//! To close or revoke on this node must not wait for a network. So it has happened by the time the call returns, and
//! what is left to wait for is only whether the other nodes will receive it.

use std::{
    error::Error,
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use crate::decision::Decision;

/// The result of an action that was carried out on this node at once, and is broadcast to the other nodes.
///
/// The message is sent whether or not this is awaited. It is ready as soon as the store has accepted the message, which
/// does not mean that every node has received it.
///
/// ```
/// use portcullis_core::{Decision, shared::{Broadcast, BroadcastError}};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// // What a `close` or a revocation returns: three connections of this node were closed.
/// let broadcast = Broadcast::new(3, Decision::ready(true));
/// assert_eq!(broadcast.here(), 3);
/// assert_eq!(broadcast.await, Ok(3));
///
/// let BroadcastError { here, .. } = Broadcast::new(3, Decision::ready(false)).await.unwrap_err();
/// assert_eq!(here, 3, "closed here all the same; the other nodes may not know");
/// # }
/// ```
#[must_use = "await this to learn whether the store has accepted it; `here` says what was done on this node"]
pub struct Broadcast {
    here: usize,
    accepted: Decision<bool>,
}

impl Broadcast {
    /// Creates a result from the number of connections closed on this node, and whether the store has accepted the
    /// message for the others.
    pub fn new(here: usize, accepted: Decision<bool>) -> Self {
        Self { here, accepted }
    }

    /// Returns how many connections were closed on this node.
    pub fn here(&self) -> usize {
        self.here
    }
}

/// Resolves to the number of connections closed on this node, once the store has accepted the message.
impl Future for Broadcast {
    type Output = Result<usize, BroadcastError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let accepted = ready!(Pin::new(&mut self.accepted).poll(cx));
        let here = self.here;
        Poll::Ready(if accepted { Ok(here) } else { Err(BroadcastError { here }) })
    }
}

impl fmt::Debug for Broadcast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broadcast").field("here", &self.here).finish_non_exhaustive()
    }
}

/// The error for a store that did not confirm the message in time: other nodes may never receive it. The action was
/// carried out on this node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct BroadcastError {
    /// How many connections were closed on this node.
    pub here: usize,
}

impl fmt::Display for BroadcastError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the store that nodes share did not accept the message")
    }
}

impl Error for BroadcastError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_done_here_is_known_whether_or_not_the_others_are_told() {
        for (accepted, outcome) in [(true, Ok(3)), (false, Err(BroadcastError { here: 3 }))] {
            let broadcast = Broadcast::new(3, Decision::ready(accepted));
            assert_eq!(broadcast.here(), 3);
            assert_eq!(broadcast.await, outcome);
        }
    }
}
