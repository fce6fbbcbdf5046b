//! What the handler's half, the handle and the driver share, and the lock around it.

use std::sync::{Arc, Mutex};

use super::state::State;
use crate::connection::ConnectionInner;

/// What the handler's half, the handle and the driver share.
pub(crate) struct Shared<T> {
    pub(crate) inner: Arc<ConnectionInner>,
    pub(super) state: Mutex<State<T>>,
}
