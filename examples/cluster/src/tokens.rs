//! Tokens of the example: who it is, and a number. Nothing is signed, as nobody here lies.

use std::time::{Duration, SystemTime};

use portcullis_core::identity::Subject;
use portcullis_jwt::{TokenError, Verification, Verified, Verify};

/// Believes every token of the form `subject.number`.
pub(crate) struct Believe;

impl Verify<()> for Believe {
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
