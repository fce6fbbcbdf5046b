//! Session cookies: the browser holds an opaque session id, and a store maps it to a user.

mod store;

use std::sync::Arc;

use axum::{
    Form, Router,
    extract::{
        State,
        ws::{Message, WebSocket, WebSocketUpgrade},
    },
    http::{HeaderMap, StatusCode, header::SET_COOKIE},
    response::{IntoResponse, Response},
    routing::{any, post},
};
use portcullis::{
    CloseLayer, Connection,
    jwt::{Claims, JwtLayer, Revocations, Session},
    origin::{InvalidOrigin, OriginLayer},
};
use tower::ServiceBuilder;

pub use self::store::COOKIE;
use self::store::{Store, User};

/// What the handlers share.
#[derive(Clone)]
struct App {
    store: Arc<Store>,
    revocations: Revocations,
}

/// A site that only pages of `origin` may connect to or act on.
///
/// # Errors
///
/// If `origin` is not a valid origin.
pub fn app(origin: &str) -> Result<Router, InvalidOrigin> {
    let app = App { store: Arc::default(), revocations: Revocations::new() };
    // A browser sends the cookie for any page. The origin identifies the page, for handshakes and for forms.
    let origins = OriginLayer::new([origin])?.plain_requests();
    let sessions =
        JwtLayer::<User>::new(app.store.clone()).cookie(COOKIE, &origins).revocations(app.revocations.clone());
    let guarded = Router::new().route("/ws", any(upgrade)).route("/logout", post(log_out)).layer(
        ServiceBuilder::new()
            .layer(CloseLayer::new()) // tells a page why it was refused
            .layer(origins.clone())
            .layer(sessions), // closes when the session ends
    );
    // A user who signs in has no session yet, but a foreign page must not sign them in as another user.
    let open = Router::new().route("/login", post(log_in)).layer(origins);
    Ok(guarded.merge(open).with_state(app))
}

#[derive(serde::Deserialize)]
struct Login {
    name: String,
}

/// Signs in. A real site asks for a password here.
async fn log_in(State(app): State<App>, Form(Login { name }): Form<Login>) -> Result<Response, StatusCode> {
    let id = app.store.begin(name).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    // `__Host-`: no other host of the site can set it. `HttpOnly`: scripts cannot read it. `Lax`: defence in depth.
    let cookie = format!("{COOKIE}={id}; Path=/; Secure; HttpOnly; SameSite=Lax");
    Ok(([(SET_COOKIE, cookie)], "signed in\n").into_response())
}

/// Ends the session, and closes its WebSockets.
async fn log_out(State(app): State<App>, session: Session<User>) -> Result<(HeaderMap, &'static str), StatusCode> {
    let user = session.claims().ok_or(StatusCode::UNAUTHORIZED)?;
    app.store.end(&user);
    let _done_at_once_on_one_node = app.revocations.revoke_id(user.session.clone());
    let mut headers = HeaderMap::new();
    let gone = format!("{COOKIE}=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0");
    headers.insert(SET_COOKIE, gone.parse().map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?);
    Ok((headers, "signed out\n"))
}

async fn upgrade(upgrade: WebSocketUpgrade, Claims(user): Claims<User>, connection: Connection) -> Response {
    upgrade.read_buffer_size(16 * 1024).on_upgrade(connection.supervise(move |socket| greet(socket, user)))
}

async fn greet(mut socket: WebSocket, user: User) -> Result<(), axum::Error> {
    while let Some(message) = socket.recv().await {
        let greeting = format!("{}, {}", message?.to_text()?, user.name);
        socket.send(Message::text(greeting)).await?;
    }
    Ok(())
}
