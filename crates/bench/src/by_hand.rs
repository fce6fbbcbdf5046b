//! Handlers that verify a token themselves, with the crate that the layer verifies with.

use std::sync::LazyLock;

use axum::{
    extract::{
        FromRequestParts,
        ws::{CloseFrame, Message, WebSocketUpgrade},
    },
    http::{StatusCode, header::AUTHORIZATION, request::Parts},
    response::{IntoResponse, Response},
};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};

use crate::{
    credentials::{self, User},
    server,
};

/// What a handler keeps between two handshakes: the key as it was read, and what it asks of a token.
static EXPECTED: LazyLock<(DecodingKey, Validation)> = LazyLock::new(|| {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.set_issuer(&["bench"]);
    validation.set_audience(&["bench"]);
    (DecodingKey::from_secret(credentials::SECRET), validation)
});

/// The claims of a bearer token, or 401.
pub(crate) struct Claims(#[expect(dead_code, reason = "only its price matters")] User);

impl<S: Sync> FromRequestParts<S> for Claims {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, StatusCode> {
        let value = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = value.and_then(|value| value.strip_prefix("Bearer ")).ok_or(StatusCode::UNAUTHORIZED)?;
        let (key, validation) = &*EXPECTED;
        let verified = decode(token, key, validation).map_err(|_| StatusCode::UNAUTHORIZED)?;
        Ok(Self(verified.claims))
    }
}

/// Refuses with a status.
pub(crate) async fn by_status(_: Claims, upgrade: WebSocketUpgrade) -> Response {
    server::accept(upgrade, server::BUFFER, server::flush)
}

/// Accepts all, and closes those that show no good token: of that a browser shows its page the code and the reason.
pub(crate) async fn by_close(claims: Result<Claims, StatusCode>, upgrade: WebSocketUpgrade) -> Response {
    if claims.is_ok() {
        return server::accept(upgrade, server::BUFFER, server::flush);
    }
    let refuse = upgrade.read_buffer_size(server::BUFFER).on_upgrade(async |mut socket| {
        let frame = CloseFrame { code: 3000, reason: "invalid token: signature".into() };
        // A client that has left already needs no reason.
        let _left = socket.send(Message::Close(Some(frame))).await;
        // The answer, without which the client may lose the frame to a reset.
        let _answer = socket.recv().await;
    });
    refuse.into_response()
}
