//! What the benchmarks of the workspace measure without a handshake around it. Not a part of the API.

use std::time::SystemTime;

use crate::{error::TokenError, token_id::TokenId};

/// Tickets that were used.
#[derive(Debug)]
pub struct Tickets(crate::tickets::Tickets);

impl Tickets {
    /// Creates a table with room for `max`.
    pub fn new(max: usize) -> Self {
        Self(crate::tickets::Tickets::new(max))
    }

    /// Uses a ticket that is good until a time.
    ///
    /// # Errors
    ///
    /// If it is used, or has expired, or there is no room to remember it.
    pub fn spend(&self, id: &TokenId, until: SystemTime, now: SystemTime) -> Result<(), TokenError> {
        self.0.spend_here(id, until, now)
    }
}
