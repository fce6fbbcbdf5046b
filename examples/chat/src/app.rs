//! The server: the layers around the chat, in the order in which they see a handshake.

use axum::{
    Router,
    extract::{Path, State, ws::WebSocketUpgrade},
    middleware::{from_fn, from_fn_with_state},
    response::Response,
    routing::any,
};
use portcullis::{
    CloseLayer, Connection, Connections,
    connections::{ClientIpLayer, ConnectionLimitLayer, HandshakeRateLayer, Limit},
    console::{Console, Operator},
    jwt::{JwtLayer, Revocations, Session},
    liveness::{Drain, KeepAliveLayer, MessageSizeLayer, WriteTimeoutLayer},
    origin::OriginLayer,
    rate_limit::MessageRateLayer,
};
use tower::ServiceBuilder;

use crate::{
    Result,
    page::{self, HOSTS},
    panel::{self, Panel},
    rooms::Rooms,
    session::{self, Tokens, User},
    talk::{MAX_MESSAGE, Visitor, talk},
};

/// The whole application: the guarded chat, and the pages around it.
pub(crate) fn app(drain: &Drain) -> Result<Router> {
    let tokens = Tokens::new()?;
    let connections = Connections::new();
    let panel = Panel::new(connections.clone());
    let all = ConnectionLimitLayer::new().global(1000).per_client_ip(16); // live connections
    let tabs = ConnectionLimitLayer::new().per_subject(Limit::new(4).evict_oldest()); // per user
    let revocations = Revocations::new();
    let origins = OriginLayer::same_origin().hosts(HOSTS)?; // only our own page may connect or act
    let console = Console::new(connections.clone())
        .drain(drain)
        .limit("the chat", &all)
        .limit("tabs", &tabs)
        .revocations(&revocations)
        .origin(origins.clone())
        .allow_actions()
        .authorize(|_| Some(Operator::new("local user"))); // a real server authenticates its operators
    let chat = Router::new().route("/ws/{room}", any(upgrade)).with_state(Rooms::default()).layer(
        ServiceBuilder::new()
            .layer(CloseLayer::new()) // tells a page why it was refused
            .layer(drain.layer()) // at shutdown: closes every connection with 1012
            .layer(from_fn_with_state(panel.clone(), panel::watch)) // counts refusals for the panel
            .layer(connections.layer()) // lets a kick find connections
            .layer(ClientIpLayer::new()) // without a proxy, the peer is the client
            .layer(origins) // only our own page may connect
            .layer(HandshakeRateLayer::per_second(4).burst(40).per_client_ip()) // attempts, including refused ones
            .layer(all)
            .layer(JwtLayer::<User>::new(tokens.verifier()?).subprotocol("bearer").revocations(revocations)) // closes at `exp`
            .layer(tabs)
            .layer(MessageRateLayer::per_second(5).burst(10).per_subject()) // shared by all tabs of a user
            .layer(MessageSizeLayer::new(MAX_MESSAGE)) // before the message is read
            .layer(WriteTimeoutLayer::default()) // closes clients that do not read
            .layer(KeepAliveLayer::new()), // closes clients that are gone
    );
    let pages = page::routes().nest_service("/console", console); // for operators
    Ok(chat.merge(session::routes(tokens)).merge(panel.routes()).merge(pages).layer(from_fn(page::local_only)))
}

/// The handshake has passed every layer: the session proves who the client is.
async fn upgrade(
    upgrade: WebSocketUpgrade,
    Path(room): Path<String>,
    session: Session<User>,
    connection: Connection,
    connections: Connections,
    State(rooms): State<Rooms>,
) -> Response {
    let visitor = Visitor { session, rooms, connections };
    let upgrade = upgrade.read_buffer_size(16 * 1024);
    upgrade.on_upgrade(connection.supervise(move |socket| talk(socket, room, visitor)))
}
