//! Builds a verifier and verifies a token, under whatever features this was built with. `cargo xtask test` runs it with
//! several: jsonwebtoken alone would panic with both or neither of its providers.

use std::{
    future::Future,
    pin::pin,
    process::ExitCode,
    task::{Context, Poll, Waker},
};

use portcullis_jwt::{TokenError, Verified, Verifier, Verify, verifier::BuildError};

/// Signed with [`SECRET`], and without any claim.
const TOKEN: &str = "eyJhbGciOiJIUzI1NiJ9.e30.C9r2rX7LWOwxhzMWuKFajRqNqCM9xK0Kq6qj02ciICY";
const SECRET: &[u8; 32] = b"thirty-two bytes for this alone!";

type Outcome = Result<Verified<std::collections::HashMap<String, String>>, TokenError>;

fn main() -> ExitCode {
    let ours = cfg!(any(feature = "ours_rust", feature = "ours_aws"));
    let built = Verifier::hs256(SECRET).any_issuer().any_audience().without_expiry().build();
    let well = match built {
        Ok(verifier) => {
            ours && verify(&verifier, TOKEN).is_ok() && verify(&verifier, &TOKEN.replace(".e30.", ".e30.A")).is_err()
        }
        Err(error) => {
            println!("{error}");
            !ours && error == BuildError::NoProvider
        }
    };
    println!("provider named: {ours}; as it must be: {well}");
    if well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn verify(verifier: &Verifier, token: &str) -> Outcome {
    match pin!(verifier.verify(token)).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => Err(TokenError::Unavailable),
    }
}
