//! Keys by name, replaceable while the server runs.

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use jsonwebtoken::Algorithm;

use super::{
    key::Key,
    key_set::{KeySet, NotFound},
};
use crate::once::Once;

/// Keys by `kid`, several of one name if each is for another algorithm. Clones share them: to rotate, replace them by a
/// set that has the new key and still the old one, and leave the old one out when the last token that it signed has
/// expired.
///
/// ```
/// # #[cfg(feature = "rust_crypto")] {
/// use portcullis_jwt::{Algorithm, Key, Keys, Verifier, Verify};
/// # use serde_json::{Value, json};
/// # let _first = jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER.install_default();
/// # let sign = |kid: &str, secret: &[u8]| {
/// #     let header = jsonwebtoken::Header { kid: Some(kid.to_owned()), ..Default::default() };
/// #     let key = jsonwebtoken::EncodingKey::from_secret(secret);
/// #     jsonwebtoken::encode(&header, &json!({"sub": "alice"}), &key).unwrap()
/// # };
///
/// let key = |secret: &[u8]| Key::hmac(Algorithm::HS256, secret).unwrap();
/// let (old, new) = ([7; 32], [8; 32]);
/// let keys = Keys::new([("2026-01", key(&old))]);
/// let verifier = Verifier::keys(keys.clone()).any_issuer().any_audience().without_expiry().build().unwrap();
/// let accepts = |kid, secret| Verify::<Value>::verify(&verifier, &sign(kid, secret)).at_once().unwrap().is_ok();
/// assert_eq!((accepts("2026-01", &old), accepts("2026-02", &new)), (true, false));
///
/// keys.replace([("2026-01", key(&old)), ("2026-02", key(&new))]); // before anything is signed with the new one
/// assert_eq!((accepts("2026-01", &old), accepts("2026-02", &new)), (true, true));
///
/// keys.replace([("2026-02", key(&new))]); // once the last token of the old one has expired
/// assert_eq!((accepts("2026-01", &old), accepts("2026-02", &new)), (false, true));
/// assert!(!accepts("2026-02", &old), "a name does not make up for another key");
/// # }
/// ```
#[derive(Clone, Default)]
pub struct Keys(Arc<Shared>);

#[derive(Default)]
struct Shared {
    named: RwLock<Arc<KeySet>>,
    ambiguous: Once,
}

impl Keys {
    /// Creates a set of keys from their names.
    pub fn new(keys: impl IntoIterator<Item = (impl Into<String>, Key)>) -> Self {
        let this = Self::default();
        this.replace(keys);
        this
    }

    /// Replaces all keys at once. Of two keys with the same name and algorithm the later one is used, and a warning is
    /// logged once.
    pub fn replace(&self, keys: impl IntoIterator<Item = (impl Into<String>, Key)>) {
        let mut named = KeySet::default();
        for (kid, key) in keys {
            if named.insert(kid.into(), key).is_some() {
                self.0.ambiguous.warn("two keys have the same name (kid) and algorithm: the later one is used");
            }
        }
        self.set(named);
    }

    pub(crate) fn only(key: Key) -> Self {
        let this = Self::default();
        this.set(KeySet::only(key));
        this
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.named().is_empty()
    }

    pub(crate) fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Result<Arc<Key>, NotFound> {
        self.named().find(kid, algorithm)
    }

    fn set(&self, named: KeySet) {
        *self.0.named.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(named);
    }

    fn named(&self) -> Arc<KeySet> {
        self.0.named.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").finish_non_exhaustive()
    }
}
