//! How many there still are of something.

use std::sync::Arc;

use tokio::sync::watch;

/// A number of tokens that are held somewhere. Clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Count(Arc<watch::Sender<usize>>);

impl Count {
    pub(super) fn token(&self) -> Token {
        self.0.send_modify(|tokens| *tokens += 1);
        Token(self.clone())
    }

    pub(super) fn left(&self) -> usize {
        *self.0.borrow()
    }

    /// Waits until no token is left. Cancel safe.
    pub(super) async fn none_left(&self) {
        let mut changes = self.0.subscribe();
        changes.wait_for(|tokens| *tokens == 0).await.expect("the sender is borrowed here");
    }
}

/// Counts until it is dropped.
#[derive(Debug)]
pub(super) struct Token(Count);

impl Drop for Token {
    fn drop(&mut self) {
        self.0.0.send_modify(|tokens| *tokens -= 1);
    }
}
