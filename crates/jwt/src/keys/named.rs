//! One set of keys, in which a token finds its own.

use std::{collections::HashMap, sync::Arc};

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
    pub(crate) fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Result<Arc<Key>, NotFound> {
        let key = match (kid, &self.only) {
            (_, Some(only)) => only,
            (Some(kid), None) => self.named.get(kid).ok_or(NotFound::Unknown)?,
            (None, None) => {
                let mut keys = self.named.values();
                let only = keys.next().filter(|_| keys.next().is_none());
                only.ok_or(NotFound::Unnamed)?
            }
        };
        if key.algorithm() == algorithm { Ok(key.clone()) } else { Err(NotFound::OtherAlgorithm) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(algorithm: Algorithm) -> Arc<Key> {
        Arc::new(Key::hmac(algorithm, &[7; 64]).unwrap())
    }

    fn named(keys: &[(&str, Algorithm)]) -> Named {
        Named::new(keys.iter().map(|(kid, algorithm)| ((*kid).to_owned(), key(*algorithm))).collect(), None)
    }

    #[test]
    fn a_key_that_is_missing_and_one_of_another_algorithm_are_told_apart() {
        let (one, two) =
            (named(&[("a", Algorithm::HS256)]), named(&[("a", Algorithm::HS256), ("b", Algorithm::HS384)]));
        let (none, only) = (Named::default(), Named::new(HashMap::new(), Some(key(Algorithm::HS256))));
        for (set, named, kid, algorithm, found) in [
            ("one", &one, Some("a"), Algorithm::HS256, Ok(Algorithm::HS256)),
            ("one", &one, None, Algorithm::HS256, Ok(Algorithm::HS256)),
            ("two", &two, Some("b"), Algorithm::HS384, Ok(Algorithm::HS384)),
            ("only", &only, Some("z"), Algorithm::HS256, Ok(Algorithm::HS256)),
            ("only", &only, None, Algorithm::HS256, Ok(Algorithm::HS256)),
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
