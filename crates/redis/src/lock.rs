//! One answer to a poisoned lock.
//!
//! A lock is poisoned when its holder panics. A server that then panicked for each connection would turn one bug into
//! an outage, so the data is used on.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks a mutex whose data stays true when a holder panics: nothing of others runs under these locks.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
