//! What permits are locked and counted with: the standard library's, or loom's where their interleavings are explored.

#[cfg(all(test, portcullis_loom))]
pub(crate) use loom::sync::{Mutex, MutexGuard, atomic};
#[cfg(not(all(test, portcullis_loom)))]
pub(crate) use std::sync::{Mutex, MutexGuard, atomic};
