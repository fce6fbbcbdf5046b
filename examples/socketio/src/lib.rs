//! Socket.IO with socketioxide, with both polling and WebSockets guarded.

use axum::Router;
use portcullis::{
    connections::{ClientIpLayer, ConnectionLimitLayer},
    identity::Subject,
    jwt::{JwtLayer, Session, TokenError, Verification, Verified, Verify},
    rate_limit::MessageRateLayer,
};
use socketioxide::{
    SocketIo, TransportType,
    extract::{Data, SocketRef},
};
use tower::ServiceBuilder;

/// A signed-in user.
#[derive(Debug, Clone)]
pub struct User(String);

/// Accepts `token-of-NAME`. Yours come from your identity provider: see the example `oidc`.
struct Tokens;

impl Verify<User> for Tokens {
    fn verify(&self, token: &str) -> Verification<User> {
        let name = token.strip_prefix("token-of-").ok_or(TokenError::Invalid("not one of ours"));
        Verification::ready(name.map(|name| {
            let mut verified = Verified::new(User(name.to_owned()));
            verified.subject = Some(Subject::new(name));
            verified
        }))
    }
}

/// Socket.IO over these transports.
pub fn app<const N: usize>(transports: [TransportType; N]) -> Router {
    let (socket_io, io) = SocketIo::builder().transports(transports).max_payload(64 * 1024).build_layer();
    io.ns("/", connected);
    Router::new().layer(
        ServiceBuilder::new()
            .layer(ClientIpLayer::new())
            .layer(ConnectionLimitLayer::new().global(10_000).per_client_ip(100)) // WebSockets
            .layer(JwtLayer::<User>::new(Tokens).bearer()) // each poll and each handshake
            .layer(MessageRateLayer::per_second(10).burst(20).per_subject()) // messages over WebSockets
            .layer(socket_io), // inside of the layers that guard it
    )
}

/// The client has passed every layer: its session is in the request that opened the socket.
async fn connected(socket: SocketRef) {
    let session = socket.req_parts().extensions.get::<Session<User>>();
    let Some(user) = session.and_then(Session::claims) else {
        return drop(socket.disconnect());
    };
    socket.on("say", async move |socket: SocketRef, Data(text): Data<String>| {
        // The client may have gone.
        let _sent = socket.emit("said", &format!("{}: {text}", user.0));
    });
}
