//! Locking, with one answer to a poisoned mutex: it is locked all the same.
//!
//! A mutex is poisoned when a thread panics while it holds it. Under the locks of this crate run policies, which are
//! the application's, so a panic must be survived: if every later lock failed, the connection could neither be closed
//! nor counted as ended, and its permits would never be returned. Each critical section therefore changes its data only
//! where nothing foreign can panic in between. The driver catches the panic of a policy and closes the connection with
//! 1011.

#[cfg(feature = "guard")]
use std::sync::TryLockError;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks a mutex, whether or not it is poisoned. For data that stays consistent if a holder panics: nothing is left
/// half done across a call that may panic.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The same, unless the mutex is locked.
#[cfg(feature = "guard")]
pub(crate) fn try_lock<T>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    match mutex.try_lock() {
        Ok(guard) => Some(guard),
        Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}
