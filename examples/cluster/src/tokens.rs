//! The tokens of the example: a subject and a number, unsigned.

use std::time::{Duration, SystemTime};

use portcullis_core::identity::Subject;
use portcullis_jwt::{TokenError, Verification, Verified, Verify};

/// Accepts every token of the form `subject.number`.
pub(crate) struct AcceptAll;

impl Verify<()> for AcceptAll {
    fn verify(&self, token: &str) -> Verification<()> {
        let Some((subject, number)) = token.split_once('.') else {
            return Verification::ready(Err(TokenError::Invalid("not a token of the example")));
        };
        let mut verified = Verified::new(());
        verified.subject = Some(Subject::new(subject));
        verified.id = Some(number.into());
        verified.expires_at = SystemTime::now().checked_add(Duration::from_secs(60));
        Verification::ready(Ok(verified))
    }
}
