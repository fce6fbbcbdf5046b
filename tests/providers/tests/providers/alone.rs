//! jsonwebtoken panics if none or both of its providers are compiled in, whichever crate of an application enabled
//! them. A verifier must not panic.

use std::{
    collections::HashMap,
    future::Future,
    panic::catch_unwind,
    pin::pin,
    task::{Context, Poll, Waker},
};

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use portcullis_jwt::{TokenError, Verified, Verifier, Verify, verifier::BuildError};

/// A token signed with [`SECRET`], without claims.
const TOKEN: &str = "eyJhbGciOiJIUzI1NiJ9.e30.C9r2rX7LWOwxhzMWuKFajRqNqCM9xK0Kq6qj02ciICY";
const SECRET: &[u8; 32] = b"thirty-two bytes for this alone!";

type Claims = HashMap<String, String>;

const OURS: bool = cfg!(any(feature = "ours_rust", feature = "ours_aws"));
const RUST: bool = cfg!(any(feature = "ours_rust", feature = "theirs_rust"));
const AWS: bool = cfg!(any(feature = "ours_aws", feature = "theirs_aws"));

#[test]
fn a_verifier_needs_its_own_provider_and_ignores_others() {
    // Before a verifier exists, which selects a provider for the whole process.
    assert_eq!(jsonwebtoken_alone_panics(), RUST == AWS, "another package of the workspace enables a provider");
    let built = Verifier::hs256(SECRET).any_issuer().any_audience().without_expiry().build();
    if !OURS {
        assert_eq!(built.unwrap_err(), BuildError::NoProvider);
        return;
    }
    let verifier = built.unwrap();
    assert!(verify(&verifier, TOKEN).is_ok());
    assert!(verify(&verifier, &TOKEN.replace(".e30.", ".e30.A")).is_err());
}

fn jsonwebtoken_alone_panics() -> bool {
    let key = DecodingKey::from_secret(SECRET);
    catch_unwind(|| decode::<Claims>(TOKEN, &key, &Validation::new(Algorithm::HS256)).is_ok()).is_err()
}

fn verify(verifier: &Verifier, token: &str) -> Result<Verified<Claims>, TokenError> {
    match pin!(verifier.verify(token)).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => Err(TokenError::Unavailable),
    }
}
