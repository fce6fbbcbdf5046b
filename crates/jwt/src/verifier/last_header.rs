//! The header of the token that was verified last, which is that of most tokens.

use std::sync::{Arc, Mutex};

use super::{
    compact::decode,
    header::{Header, Types},
};
use crate::{error::TokenError, sync::lock};

/// The header of the token that was verified last, encoded and parsed. An issuer writes the same header into all of its
/// tokens until its key changes. A token whose signature was not verified replaces nothing.
#[derive(Default)]
pub(super) struct LastHeader(Mutex<Option<(Box<str>, Arc<Header>)>>);

impl LastHeader {
    /// Parses a header, unless it is the one of the last verified token. `types` must be the same in each call.
    pub(super) fn read(&self, encoded: &str, types: &Types) -> Result<Arc<Header>, TokenError> {
        match self.known(encoded) {
            Some(header) => Ok(header),
            None => Header::read(&decode(encoded)?, types).map(Arc::new),
        }
    }

    fn known(&self, encoded: &str) -> Option<Arc<Header>> {
        lock(&self.0).as_ref().filter(|(of, _)| **of == *encoded).map(|(_, header)| header.clone())
    }

    /// Remembers the header of a token whose signature was verified.
    pub(super) fn verified(&self, encoded: &str, header: &Arc<Header>) {
        let mut last = lock(&self.0);
        if last.as_ref().is_none_or(|(_, known)| !Arc::ptr_eq(known, header)) {
            *last = Some((encoded.into(), header.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
    use jsonwebtoken::Algorithm;

    use super::*;

    #[test]
    fn a_header_is_read_once_after_its_token_was_verified_and_no_other_is_taken_for_it() {
        let headers = ["{\"alg\":\"HS256\"}", "{\"alg\":\"HS384\"}", "{\"alg\":\"HS256\",\"kid\":\"a\"}"];
        let encoded = headers.map(|header| BASE64_URL_SAFE_NO_PAD.encode(header));
        let (last, types) = (LastHeader::default(), Types::default());
        let read = |header: &str| last.read(header, &types).unwrap();
        assert!(!Arc::ptr_eq(&read(&encoded[0]), &read(&encoded[0])), "its token was not verified");
        for turn in 0..2 {
            for verified in &encoded {
                last.verified(verified, &read(verified));
                for header in &encoded {
                    assert_eq!(Arc::ptr_eq(&read(header), &read(header)), header == verified, "{turn}: {header}");
                }
                let read = [0, 1, 2].map(|at| (read(&encoded[at]).algorithm, read(&encoded[at]).kid.clone()));
                let expected =
                    [(Algorithm::HS256, None), (Algorithm::HS384, None), (Algorithm::HS256, Some(Box::from("a")))];
                assert_eq!(read, expected);
            }
        }
        for bad in ["", "e30", "e30=", &encoded[2][1..], &format!("{}A", encoded[2])] {
            assert!(last.read(bad, &types).is_err(), "{bad}");
        }
    }
}
