//! A verifier that never answers.

use std::{
    convert::Infallible,
    future::{pending, ready},
    time::Duration,
};

use http::{Request, Response, StatusCode};
use portcullis_core::{
    CloseCode,
    testing::{Client, ConnectError, Handshake},
};
use portcullis_jwt::{JwtLayer, TokenMessage, Verification, Verify};
use tokio::time::{Instant, timeout};
use tower::{Layer, service_fn};

struct Silent;

impl Verify<()> for Silent {
    fn verify(&self, _: &str) -> Verification<()> {
        Verification::wait(pending())
    }
}

/// Connects to an application that upgrades whoever is let in.
async fn connect(layer: JwtLayer<()>, handshake: Handshake) -> Result<Client, ConnectError> {
    let inner = service_fn(|_: Request<_>| {
        let response = Response::builder().status(StatusCode::SWITCHING_PROTOCOLS).header("upgrade", "websocket");
        ready(Ok::<_, Infallible>(response.body(String::new()).unwrap()))
    });
    let answer = handshake.connect(layer.layer(inner));
    timeout(Duration::from_secs(600), answer).await.expect("the handshake waits for ever")
}

#[tokio::test(start_paused = true)]
async fn a_handshake_whose_verification_never_ends_is_refused() {
    let layer = JwtLayer::new(Silent);
    for (layer, seconds) in [(layer.clone(), 10), (layer.verify_timeout(Duration::from_secs(3)), 3)] {
        let began = Instant::now();
        let bearer = Handshake::new("/ws").header("authorization", "Bearer token");
        let ConnectError::Refused(refused) = connect(layer, bearer).await.unwrap_err() else { panic!("not answered") };
        assert_eq!(
            (refused.status(), &refused.headers()["retry-after"]),
            (503.try_into().unwrap(), &"5".parse().unwrap())
        );
        assert_eq!(began.elapsed(), Duration::from_secs(seconds));
    }
}

#[tokio::test(start_paused = true)]
async fn a_first_message_whose_verification_never_ends_closes_with_1013() {
    let layer = |within| {
        JwtLayer::new(Silent).handshakes_only().first_message(TokenMessage::raw().timeout(Duration::from_secs(within)))
    };
    let quick = |within| layer(within).verify_timeout(Duration::from_secs(3));
    // The message comes after two seconds.
    for (layer, seconds) in [(layer(10), 10), (layer(60), 12), (quick(10), 5), (quick(4), 4)] {
        let mut client = connect(layer, Handshake::new("/ws")).await.unwrap();
        let began = Instant::now();
        tokio::time::sleep(Duration::from_secs(2)).await;
        client.send_text("token").await.unwrap();
        let closed = timeout(Duration::from_secs(600), client.closed()).await.unwrap().unwrap();
        assert_eq!(closed.code(), Some(CloseCode::TRY_AGAIN_LATER), "{closed}");
        assert_eq!(began.elapsed().as_secs(), seconds);
    }
}
