//! Keys by name, replaceable while the server runs.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use jsonwebtoken::Algorithm;

use super::{
    key::Key,
    named::{Named, NotFound},
};

/// Keys by `kid`. Clones share them: to rotate, replace them by a set that has the new key and still the old one, and
/// leave the old one out when the last token that it signed has expired.
#[derive(Clone, Default)]
pub struct Keys(Arc<RwLock<Arc<Named>>>);

impl Keys {
    /// Keys by their names.
    pub fn new(keys: impl IntoIterator<Item = (impl Into<String>, Key)>) -> Self {
        let this = Self::default();
        this.replace(keys);
        this
    }

    /// Replaces them all at once.
    pub fn replace(&self, keys: impl IntoIterator<Item = (impl Into<String>, Key)>) {
        let named = keys.into_iter().map(|(kid, key)| (kid.into(), Arc::new(key))).collect();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(Named::new(named, None));
    }

    pub(crate) fn only(key: Key) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(Named::new(HashMap::new(), Some(Arc::new(key)))))))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    pub(crate) fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Result<Arc<Key>, NotFound> {
        let named = self.0.read().unwrap_or_else(PoisonError::into_inner).clone();
        named.find(kid, algorithm)
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").finish_non_exhaustive()
    }
}
