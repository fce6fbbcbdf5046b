//! The close codes of derived errors.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use portcullis_core::{CloseCode, CloseFrame, IntoClose as _};
use portcullis_derive::IntoClose;

#[derive(Debug, thiserror::Error, IntoClose)]
enum Failure<T: std::fmt::Debug + 'static = ()> {
    #[error("no room {name}")]
    #[close(code = 4404, display)]
    NoSuchRoom { name: String },
    #[error("muted")]
    #[close(policy_violation)]
    Muted,
    #[error("full")]
    #[close(try_again_later, reason = "server full")]
    Full(#[source] std::io::Error),
    #[error("socket")]
    #[close(transparent)]
    Socket(#[from] Lower),
    #[error("with a note: {1}")]
    #[close(transparent)]
    Noted(#[source] Lower, String),
    #[error("database")]
    Database(#[source] std::io::Error),
    #[error("explicit")]
    #[close(internal_error, reason = "oops")]
    Explicit(Option<T>),
}

#[derive(Debug, thiserror::Error, IntoClose)]
#[error("lower")]
#[close(forbidden, display)]
struct Lower;

fn frame(code: u16, reason: &'static str) -> CloseFrame {
    CloseFrame::new(CloseCode::new(code).unwrap(), reason)
}

#[test]
fn each_variant_has_its_close_frame() {
    let io = || std::io::Error::other("secret");
    for (failure, close, internal) in [
        (Failure::NoSuchRoom { name: "attic".into() }, frame(4404, "no room attic"), false),
        (Failure::Muted, frame(1008, ""), false),
        (Failure::Full(io()), frame(1013, "server full"), false),
        (Failure::Socket(Lower), frame(3003, "lower"), false),
        (Failure::Noted(Lower, "why".into()), frame(3003, "lower"), false),
        (Failure::Database(io()), frame(1011, "internal error"), true),
        (Failure::<()>::Explicit(None), frame(1011, "oops"), true),
    ] {
        let said = failure.to_string();
        assert_eq!(failure.internal().map(ToString::to_string), internal.then_some(said), "{failure:?}");
        assert_eq!(failure.into_close(), close);
    }
}

#[test]
fn a_fault_is_logged_with_its_source() {
    let failure: Failure = Failure::Database(std::io::Error::other("secret"));
    let source = failure.internal().unwrap().source().unwrap();
    assert_eq!(source.to_string(), "secret");
}
