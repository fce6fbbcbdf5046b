//! Warnings that a log has once, however many peers give rise to them.

use std::sync::atomic::{AtomicBool, Ordering};

/// Whether a warning was logged.
#[derive(Debug, Default)]
pub(crate) struct Once(AtomicBool);

impl Once {
    pub(crate) fn warn(&self, sentence: &str) {
        // Looked at before it is written to: most have been logged, and are shared by all threads.
        if self.0.load(Ordering::Relaxed) || self.0.swap(true, Ordering::Relaxed) {
            return;
        }
        #[cfg(feature = "tracing")]
        tracing::warn!(target: "portcullis", "{sentence}");
        let _ = sentence;
    }
}
