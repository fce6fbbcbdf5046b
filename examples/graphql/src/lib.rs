//! GraphQL subscriptions over graphql-transport-ws, whose clients send their token in `connection_init`.

mod schema;
mod tokens;

use std::{future::ready, sync::Arc, time::Duration};

use async_graphql::Data;
use async_graphql_axum::{GraphQL, GraphQLProtocol, GraphQLWebSocket};
use axum::{
    Router,
    extract::{
        State,
        ws::{self, Message, WebSocket, WebSocketUpgrade},
    },
    http::StatusCode,
    response::Response,
    routing::post_service,
};
use futures_util::{SinkExt, StreamExt};
use portcullis::{
    CloseCode, CloseFrame, Connection,
    jwt::{JwtLayer, Session, TokenError, TokenMessage, verifier::BuildError},
    rate_limit::MessageRateLayer,
};
use tokio::sync::Semaphore;
use tower::ServiceBuilder;

pub use self::tokens::Tokens;
use self::{schema::Schema, tokens::User};

/// The only supported subprotocol, <https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md>.
const PROTOCOL: &str = "graphql-transport-ws";

/// How long a client may take to authenticate.
const INIT: Duration = Duration::from_secs(3);

/// How many subscriptions a connection may have at once. The layers bound how many messages arrive, but each one may
/// start a subscription that goes on.
const SUBSCRIPTIONS: usize = 10;

/// Queries by `POST`, with the token in a header, and subscriptions over a WebSocket, with the token in the first
/// message.
///
/// # Errors
///
/// If the verifier cannot be built.
pub fn app(tokens: &Tokens) -> Result<Router, BuildError> {
    let init = TokenMessage::json("/payload/token")
        .forward() // the library waits for `connection_init`, too
        .timeout(INIT)
        .timeout_frame(frame(4408, "Connection initialisation timeout"))
        .close_frames(refused);
    let layers = ServiceBuilder::new()
        .layer(JwtLayer::<User>::new(tokens.verifier()?).bearer().first_message(init)) // closes at `exp`
        .layer(MessageRateLayer::per_second(10).burst(20).per_subject());
    let schema = schema::schema();
    let route = post_service(GraphQL::new(schema.clone())).get(upgrade).connect(upgrade); // over HTTP/2: `CONNECT`
    Ok(Router::new().route("/graphql", route).with_state(schema).layer(layers))
}

fn frame(code: u16, reason: &'static str) -> CloseFrame {
    CloseFrame::new(CloseCode::new(code).expect("a private code"), reason)
}

/// The codes of the protocol for a first message that does not authenticate.
fn refused(error: TokenError) -> CloseFrame {
    match error {
        TokenError::Malformed(_) => frame(4400, "Invalid message"),
        TokenError::Missing => frame(4401, "Unauthorized"), // such as a subscription before `connection_init`
        TokenError::Unavailable | TokenError::LimitsUnavailable => error.close_frame(), // 1013: try again
        _ => frame(4403, "Forbidden"),
    }
}

async fn upgrade(
    upgrade: WebSocketUpgrade,
    protocol: GraphQLProtocol,
    session: Session<User>,
    connection: Connection,
    State(schema): State<Schema>,
) -> Result<Response, StatusCode> {
    let upgrade = upgrade.read_buffer_size(16 * 1024).protocols([PROTOCOL]);
    if upgrade.selected_protocol().is_none() {
        return Err(StatusCode::BAD_REQUEST);
    }
    let serve = async move |socket| {
        serve(socket, protocol, session, schema).await;
        Ok::<_, CloseCode>(())
    };
    Ok(upgrade.on_upgrade(connection.supervise(serve)))
}

/// Runs once the token has been verified: from here on, the session has claims.
async fn serve(socket: WebSocket, protocol: GraphQLProtocol, session: Session<User>, schema: Schema) {
    let mut data = Data::default();
    data.insert(session);
    data.insert(Arc::new(Semaphore::new(SUBSCRIPTIONS)));
    let (sink, stream) = socket.split();
    let sink = sink.with(|message| ready(Ok::<_, axum::Error>(translated(message))));
    GraphQLWebSocket::new_with_pair(sink, stream, schema, protocol).with_data(data).serve().await;
}

/// The library closes with 1002 and 1011 where the protocol defines codes of its own.
fn translated(message: Message) -> Message {
    let (code, reason) = match &message {
        Message::Close(Some(close)) if close.code == 1002 => (4400, "Invalid message"),
        Message::Close(Some(close)) if close.code == 1011 => (4401, "Unauthorized"),
        _ => return message,
    };
    Message::Close(Some(ws::CloseFrame { code, reason: reason.into() }))
}
