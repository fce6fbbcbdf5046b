//! One answer to a poisoned lock.

#[cfg(feature = "guard")]
use std::sync::TryLockError;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks a mutex whose data stays true when a holder panics: nothing is left half done across a call that may.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The same, unless somebody holds it.
#[cfg(feature = "guard")]
pub(crate) fn try_lock<T>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    match mutex.try_lock() {
        Ok(guard) => Some(guard),
        Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}
