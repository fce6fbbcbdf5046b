//! Limits by subject, for requests without a subject.

use mistakes::{Level, expected, printed, running};
use portcullis_connections::{ConnectionLimitLayer, HandshakeRateLayer};
use portcullis_core::{identity::NoSubject, testing::Handshake};
use portcullis_rate_limit::MessageRateLayer;
use tower_layer::Layer;

/// The response of each layer that counts by subject: status and body.
async fn answers(handshake: impl Fn() -> Handshake) -> Vec<(u16, String)> {
    let mut answers = Vec::new();
    let connections = ConnectionLimitLayer::new().per_subject(1).layer(running());
    let handshakes = HandshakeRateLayer::per_second(1).per_subject().layer(running());
    let messages = MessageRateLayer::per_second(1).per_subject().layer(running());
    for refused in [
        handshake().connect(connections).await,
        handshake().connect(handshakes).await,
        handshake().connect(messages).await,
    ] {
        let refused = refused.unwrap_err();
        answers.push((refused.status().unwrap().as_u16(), refused.text().into_owned()));
    }
    answers
}

const NOBODY_SAYS: &str = "a limit per subject stands where no layer outside says who the client is, nor where: put \
                           the layer that authenticates outside of it, or a `ClientIpLayer`, by whose address clients \
                           without a subject are counted";

#[tokio::main(flavor = "current_thread")]
async fn no_layer_sets_a_subject() {
    let body = if cfg!(feature = "axum") { NOBODY_SAYS } else { "" };
    for answer in answers(|| Handshake::new("/")).await {
        assert_eq!(answer, (500, body.to_owned()));
    }
}

#[test]
fn a_limit_by_a_subject_that_is_never_set_is_an_error_with_a_message() {
    let test = "subjects::a_limit_by_a_subject_that_is_never_set_is_an_error_with_a_message";
    let Some(lines) = printed(test, no_layer_sets_a_subject) else { return };
    let line = expected(Level::Error, NOBODY_SAYS);
    match (cfg!(feature = "tracing"), cfg!(feature = "axum")) {
        (true, _) => assert_eq!(lines, [line.clone(), line.clone(), line]),
        (false, true) => assert!(lines.is_empty(), "the body says it: {lines:?}"),
        (false, false) => assert_eq!(lines, [line]),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn tokens_name_no_subject() {
    let body = if cfg!(feature = "axum") { "the credentials name no subject" } else { "" };
    for _ in 0..3 {
        for answer in answers(|| Handshake::new("/").extension(NoSubject::Nameless)).await {
            assert_eq!(answer, (403, body.to_owned()));
        }
    }
}

#[test]
fn a_token_without_a_subject_is_refused_and_reported_once() {
    let test = "subjects::a_token_without_a_subject_is_refused_and_reported_once";
    let Some(lines) = printed(test, tokens_name_no_subject) else { return };
    let sentence = "a limit per subject has refused a client whose credentials name no subject: put a `ClientIpLayer` \
                    outside of it, by whose address such clients are counted";
    assert_eq!(lines, [expected(Level::Warning, sentence)]);
}
