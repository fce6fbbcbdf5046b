//! What a session means to its live connection.
//!
//! It has a deadline and judges nothing else: the session knows when it ends, and a renewal moves that.

use std::{sync::Arc, time::Instant};

use portcullis_core::policy::{Action, Activity, Interest, Policy};

use crate::{error::TokenError, session::Live};

/// Closes a connection when its session ends.
pub(crate) struct Expiry<T>(pub(crate) Arc<Live<T>>);

impl<T: Send + Sync + 'static> Policy for Expiry<T> {
    fn name(&self) -> &'static str {
        "session"
    }

    fn interest(&self) -> Interest {
        Interest::NONE
    }

    fn deadline(&self, _: &Activity) -> Option<Instant> {
        self.0.look_at()
    }

    fn on_deadline(&mut self, _: &Activity, now: Instant) -> Action {
        if self.0.is_over(now) { Action::Close(TokenError::Expired.close_frame()) } else { Action::None }
    }
}
