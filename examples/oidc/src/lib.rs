//! Tokens of two OpenID Connect issuers, with limits that depend on roles.

pub mod issuer;

use std::{error::Error, num::NonZeroU32};

use axum::{
    Router,
    extract::ws::{Message, WebSocket, WebSocketUpgrade},
    response::Response,
    routing::any,
};
use portcullis::{
    Connection,
    jwt::{Claims, JwtLayer, Verifier, Verifiers, jwks::Jwks},
    rate_limit::{Allowance, MessageRateLayer, Quota},
};
use serde::Deserialize;
use tower::ServiceBuilder;

/// The audience of the tokens.
pub const AUDIENCE: &str = "chat";

/// The claims of a token.
#[derive(Debug, Clone, Deserialize)]
struct User {
    sub: String,
    #[serde(default)]
    roles: Vec<Role>,
}

/// The roles, from the most privileged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Role {
    Admin,
    Member,
    /// Roles of other applications.
    #[serde(other)]
    Other,
}

impl User {
    fn role(&self) -> Role {
        self.roles.iter().copied().min().unwrap_or(Role::Other)
    }
}

/// Messages per second, and the burst.
fn quota(role: Role) -> Quota {
    let (messages, burst) = if role == Role::Admin { (100, 500) } else { (1, 5) };
    let positive = |number| NonZeroU32::new(number).expect("a positive number");
    Quota::per_second(positive(messages)).allow_burst(positive(burst))
}

/// Admits users of these issuers. Their keys are discovered when the first token arrives.
///
/// # Errors
///
/// If one of `issuers` is not a valid issuer.
pub fn app(issuers: &[&str]) -> Result<Router, Box<dyn Error>> {
    let verifier = |issuer: &&str| -> Result<Verifier, Box<dyn Error>> {
        Ok(Verifier::jwks(Jwks::discover(*issuer).build()?).audience(AUDIENCE).build()?)
    };
    let verifiers = Verifiers::new(issuers.iter().map(verifier).collect::<Result<Vec<_>, _>>()?)?;
    let layers = ServiceBuilder::new()
        .layer(JwtLayer::<User>::new(verifiers).bearer().authorize(|user| user.role() != Role::Other))
        .layer(MessageRateLayer::new(quota(Role::Member)).per_subject()); // admins get more in the handler
    Ok(Router::new().route("/ws", any(upgrade)).layer(layers))
}

async fn upgrade(
    upgrade: WebSocketUpgrade,
    Claims(user): Claims<User>,
    allowance: Allowance,
    connection: Connection,
) -> Response {
    allowance.set_quota(quota(user.role()));
    upgrade.read_buffer_size(16 * 1024).on_upgrade(connection.supervise(move |socket| greet(socket, user)))
}

async fn greet(mut socket: WebSocket, user: User) -> Result<(), axum::Error> {
    while let Some(message) = socket.recv().await {
        let greeting = format!("{}, {} ({:?})", message?.to_text()?, user.sub, user.role());
        socket.send(Message::text(greeting)).await?;
    }
    Ok(())
}
