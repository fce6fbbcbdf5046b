//! One set of keys, in which a token finds its own.

use std::{collections::HashMap, sync::Arc};

use jsonwebtoken::Algorithm;

use super::key::Key;
use crate::error::TokenError;

/// Keys by `kid`, as they are at one time.
#[derive(Default)]
pub(crate) struct Named {
    named: HashMap<String, Arc<Key>>,
    /// The key of tokens that name none, or any, where there is one key without a name.
    only: Option<Arc<Key>>,
}

impl Named {
    pub(crate) fn new(named: HashMap<String, Arc<Key>>, only: Option<Arc<Key>>) -> Self {
        Self { named, only }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.named.is_empty() && self.only.is_none()
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
