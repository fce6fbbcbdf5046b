//! What the handler's half, the handle and the driver share, and the lock around it.
//!
//! The handle must answer without knowing the transport's type, which is why [`Control`](crate::connection::Control) is
//! implemented for this for every `T`. `inner` lies outside of the lock: it is asked by values that are being dropped,
//! and by recorders, while the state may be locked by another.

use std::sync::Mutex;

use super::state::State;
use crate::connection::ConnectionInner;

/// What the handler's half, the handle and the driver share.
pub(crate) struct Shared<T> {
    pub(crate) inner: ConnectionInner,
    pub(super) state: Mutex<State<T>>,
}
