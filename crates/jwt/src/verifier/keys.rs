//! Keys by name, replaceable while the server runs.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use jsonwebtoken::Algorithm;

use super::key::Key;
use crate::error::TokenError;

/// Keys by `kid`. Clones share them: to rotate, replace them by a set that has the new key and still the old one, and
/// leave the old one out when the last token that it signed has expired.
#[derive(Clone, Default)]
pub struct Keys(Arc<RwLock<Arc<Named>>>);

#[derive(Default)]
pub(crate) struct Named {
    named: HashMap<String, Arc<Key>>,
    /// The key of tokens that name none, or any, where there is one key without a name.
    only: Option<Arc<Key>>,
}

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
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(Named { named, only: None });
    }

    pub(crate) fn only(key: Key) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(Named { named: HashMap::new(), only: Some(Arc::new(key)) }))))
    }

    pub(crate) fn is_empty(&self) -> bool {
        let named = self.0.read().unwrap_or_else(PoisonError::into_inner);
        named.named.is_empty() && named.only.is_none()
    }

    pub(crate) fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Result<Arc<Key>, TokenError> {
        let named = self.0.read().unwrap_or_else(PoisonError::into_inner).clone();
        named.find(kid, algorithm)
    }
}

impl Named {
    #[cfg(feature = "jwks")]
    pub(crate) fn new(named: HashMap<String, Arc<Key>>, only: Option<Arc<Key>>) -> Self {
        Self { named, only }
    }

    /// A token that names no key is verified by the only one there is.
    pub(crate) fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Result<Arc<Key>, TokenError> {
        let key = match (kid, &self.only) {
            (_, Some(only)) => only,
            (Some(kid), None) => self.named.get(kid).ok_or(TokenError::Invalid("unknown key"))?,
            (None, None) => {
                let mut keys = self.named.values();
                let only = keys.next().filter(|_| keys.next().is_none());
                only.ok_or(TokenError::Invalid("names no key"))?
            }
        };
        if key.algorithm() == algorithm { Ok(key.clone()) } else { Err(TokenError::Invalid("algorithm")) }
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").finish_non_exhaustive()
    }
}
