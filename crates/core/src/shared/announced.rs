//! What was done on this node, and whether the others are told.

use std::{
    error::Error,
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use crate::decision::Decision;

/// What was done on this node at once, and whether the other nodes are told. On its way to them whether or not this is
/// awaited; ready as soon as the store of the nodes has it, which says nothing of when each of them has.
#[must_use = "whether the other nodes are told is known when this was awaited; `here` says what was done on this one"]
pub struct Announced {
    here: usize,
    told: Decision<bool>,
}

impl Announced {
    /// So many connections were closed here, and this is whether the others are told.
    pub fn new(here: usize, told: Decision<bool>) -> Self {
        Self { here, told }
    }

    /// How many connections were closed on this node.
    pub fn here(&self) -> usize {
        self.here
    }
}

/// How many connections were closed on this node; the other nodes are told.
impl Future for Announced {
    type Output = Result<usize, NotTold>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let told = ready!(Pin::new(&mut self.told).poll(cx));
        let here = self.here;
        Poll::Ready(if told { Ok(here) } else { Err(NotTold { here }) })
    }
}

impl fmt::Debug for Announced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Announced").field("here", &self.here).finish_non_exhaustive()
    }
}

/// The store did not say in time that it has it: the other nodes may never be told. What was to be done on this node is
/// done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct NotTold {
    /// How many connections were closed on this node.
    pub here: usize,
}

impl fmt::Display for NotTold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the store that nodes share could not be told")
    }
}

impl Error for NotTold {}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_done_here_is_known_whether_or_not_the_others_are_told() {
        for (told, outcome) in [(true, Ok(3)), (false, Err(NotTold { here: 3 }))] {
            let announced = Announced::new(3, Decision::ready(told));
            assert_eq!(announced.here(), 3);
            assert_eq!(announced.await, outcome);
        }
    }
}
