//! One set of keys, in which a token finds its own.
//!
//! A key is found by `kid` and algorithm together. "Unknown" and "known, but for another algorithm" are different
//! answers: only the first is a reason to fetch a newer set.

use std::{collections::HashMap, mem, slice, sync::Arc};

use jsonwebtoken::Algorithm;

use super::key::Key;
use crate::error::TokenError;

/// Why a token has no key in a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotFound {
    /// It names a key that is not in the set: a newer set may have it.
    Unknown,
    /// It names none, and the set does not have exactly one: a newer set may.
    Unnamed,
    /// The set has its key, for another algorithm. That of a published key does not change.
    OtherAlgorithm,
}

impl From<NotFound> for TokenError {
    fn from(not_found: NotFound) -> Self {
        Self::Invalid(match not_found {
            NotFound::Unknown => "unknown key",
            NotFound::Unnamed => "names no key",
            NotFound::OtherAlgorithm => "algorithm",
        })
    }
}

/// Keys by `kid`, as they are at one time.
#[derive(Default)]
pub(crate) struct KeySet {
    /// Several keys may have one name, each for another algorithm (RFC 7517, section 4.5).
    named: HashMap<String, Vec<Arc<Key>>>,
    /// The key of tokens that name none, or any, where there is one key without a name.
    only: Option<Arc<Key>>,
}

impl KeySet {
    /// Returns the key before it, of the same name and algorithm, in whose place it stands.
    pub(crate) fn insert(&mut self, kid: String, key: Key) -> Option<Arc<Key>> {
        let namesakes = self.named.entry(kid).or_default();
        if let Some(other) = namesakes.iter_mut().find(|other| other.algorithm() == key.algorithm()) {
            return Some(mem::replace(other, Arc::new(key)));
        }
        namesakes.push(Arc::new(key));
        None
    }

    pub(crate) fn only(key: Key) -> Self {
        Self { only: Some(Arc::new(key)), ..Self::default() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.named.is_empty() && self.only.is_none()
    }

    /// A token that names no key is verified by the only one there is.
    pub(crate) fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Result<Arc<Key>, NotFound> {
        let keys = match (kid, &self.only) {
            (_, Some(only)) => slice::from_ref(only),
            (Some(kid), None) => self.named.get(kid).ok_or(NotFound::Unknown)?,
            (None, None) => {
                let mut names = self.named.values();
                let only = names.next().filter(|keys| keys.len() == 1 && names.next().is_none());
                only.ok_or(NotFound::Unnamed)?
            }
        };
        keys.iter().find(|key| key.algorithm() == algorithm).cloned().ok_or(NotFound::OtherAlgorithm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(algorithm: Algorithm) -> Key {
        Key::hmac(algorithm, &[7; 64]).unwrap()
    }

    fn named(keys: &[(&str, Algorithm)]) -> KeySet {
        let mut named = KeySet::default();
        for (kid, algorithm) in keys {
            assert!(named.insert((*kid).to_owned(), key(*algorithm)).is_none());
        }
        named
    }

    #[test]
    fn of_two_keys_with_one_name_and_algorithm_the_later_stands() {
        let mut named = named(&[("a", Algorithm::HS256)]);
        let before = named.find(Some("a"), Algorithm::HS256).unwrap();
        let replaced = named.insert("a".to_owned(), key(Algorithm::HS256)).unwrap();
        assert!(Arc::ptr_eq(&before, &replaced));
        assert!(!Arc::ptr_eq(&before, &named.find(None, Algorithm::HS256).unwrap()));
    }

    #[test]
    fn a_key_that_is_missing_and_one_of_another_algorithm_are_told_apart() {
        let (one, two) =
            (named(&[("a", Algorithm::HS256)]), named(&[("a", Algorithm::HS256), ("b", Algorithm::HS384)]));
        let namesakes = named(&[("a", Algorithm::HS256), ("a", Algorithm::HS384)]);
        let (none, only) = (KeySet::default(), KeySet::only(key(Algorithm::HS256)));
        for (set, named, kid, algorithm, found) in [
            ("one", &one, Some("a"), Algorithm::HS256, Ok(Algorithm::HS256)),
            ("one", &one, None, Algorithm::HS256, Ok(Algorithm::HS256)),
            ("two", &two, Some("b"), Algorithm::HS384, Ok(Algorithm::HS384)),
            ("only", &only, Some("z"), Algorithm::HS256, Ok(Algorithm::HS256)),
            ("only", &only, None, Algorithm::HS256, Ok(Algorithm::HS256)),
            ("namesakes", &namesakes, Some("a"), Algorithm::HS256, Ok(Algorithm::HS256)),
            ("namesakes", &namesakes, Some("a"), Algorithm::HS384, Ok(Algorithm::HS384)),
            ("namesakes", &namesakes, Some("a"), Algorithm::HS512, Err(NotFound::OtherAlgorithm)),
            ("namesakes", &namesakes, Some("b"), Algorithm::HS256, Err(NotFound::Unknown)),
            ("namesakes", &namesakes, None, Algorithm::HS256, Err(NotFound::Unnamed)),
            ("one", &one, Some("z"), Algorithm::HS256, Err(NotFound::Unknown)),
            ("one", &one, Some("z"), Algorithm::HS384, Err(NotFound::Unknown)),
            ("none", &none, Some("a"), Algorithm::HS256, Err(NotFound::Unknown)),
            ("two", &two, None, Algorithm::HS256, Err(NotFound::Unnamed)),
            ("none", &none, None, Algorithm::HS256, Err(NotFound::Unnamed)),
            ("one", &one, Some("a"), Algorithm::HS384, Err(NotFound::OtherAlgorithm)),
            ("one", &one, None, Algorithm::HS384, Err(NotFound::OtherAlgorithm)),
            ("two", &two, Some("b"), Algorithm::HS256, Err(NotFound::OtherAlgorithm)),
            ("only", &only, Some("z"), Algorithm::HS384, Err(NotFound::OtherAlgorithm)),
        ] {
            assert_eq!(named.find(kid, algorithm).map(|key| key.algorithm()), found, "{set}: {kid:?} {algorithm:?}");
        }
    }

    #[test]
    fn each_way_to_miss_a_key_has_its_words() {
        for (not_found, why) in [
            (NotFound::Unknown, "unknown key"),
            (NotFound::Unnamed, "names no key"),
            (NotFound::OtherAlgorithm, "algorithm"),
        ] {
            assert_eq!(TokenError::from(not_found), TokenError::Invalid(why));
        }
    }
}
