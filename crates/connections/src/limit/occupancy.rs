//! How full a limit is, for a page or a metric that shows it.
//!
//! These are the numbers that admission itself decides by, and no copies: reading them takes a shard's lock for a
//! lookup, and none for the total.

use portcullis_core::{Connection, identity::ClientIp};

use super::{
    capacity::Limit,
    layer::ConnectionLimitLayer,
    permits::{Key, Pool},
    settings::Settings,
};

/// What a limit counts.
///
/// ```
/// use portcullis_connections::{ConnectionLimitLayer, LimitScope};
///
/// let limit = ConnectionLimitLayer::new().per_client_ip(10).unauthenticated(100).global(1000);
/// let scopes: Vec<_> = limit.occupancy().iter().map(|occupancy| occupancy.scope.as_str()).collect();
/// assert_eq!(scopes, ["server", "client_ip", "unauthenticated"], "the server first, whatever the order of the calls");
/// # let _ = LimitScope::Server;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LimitScope {
    /// All connections: [`global`](ConnectionLimitLayer::global).
    Server,
    /// The connections of a client address: [`per_client_ip`](ConnectionLimitLayer::per_client_ip).
    ClientIp,
    /// The connections of a subject: [`per_subject`](ConnectionLimitLayer::per_subject).
    Subject,
    /// The connections of a key: [`per_key`](ConnectionLimitLayer::per_key).
    Key,
    /// The connections without a subject: [`unauthenticated`](ConnectionLimitLayer::unauthenticated).
    Unauthenticated,
}

impl LimitScope {
    /// Returns the name, in snake case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::ClientIp => "client_ip",
            Self::Subject => "subject",
            Self::Key => "key",
            Self::Unauthenticated => "unauthenticated",
        }
    }
}

/// How full a limit of this node is.
///
/// ```
/// # use axum::{Router, extract::ws::WebSocketUpgrade, routing::any};
/// # use portcullis_core::testing::Handshake;
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let handler = any(async |upgrade: WebSocketUpgrade| {
/// #     upgrade.on_upgrade(async |mut socket| while let Some(Ok(_)) = socket.recv().await {})
/// # });
/// use portcullis_connections::ConnectionLimitLayer;
///
/// let limit = ConnectionLimitLayer::new().global(2);
/// let app = Router::new().route("/ws", handler).layer(limit.clone());
/// let [empty] = limit.occupancy()[..] else { panic!("there is one limit") };
/// assert_eq!((empty.live, empty.is_full(), empty.is_high), (Some(0), false, false));
///
/// let clients = [Handshake::new("/ws").connect(app.clone()).await?, Handshake::new("/ws").connect(app).await?];
/// let [full] = limit.occupancy()[..] else { panic!("there is one limit") };
/// assert_eq!((full.live, full.is_full(), full.is_high), (Some(2), true, true));
/// # drop(clients);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Occupancy {
    /// What the limit counts.
    pub scope: LimitScope,
    /// How many connections are allowed.
    pub max: usize,
    /// How many there are. `None` where each address, subject or key has a number of its own.
    pub live: Option<usize>,
    /// Nine tenths were reached, and the number has not fallen below eight tenths since. Only for
    /// [`LimitScope::Server`].
    pub is_high: bool,
}

impl Occupancy {
    fn new(scope: LimitScope, max: usize, live: Option<usize>) -> Self {
        Self { scope, max, live, is_high: false }
    }

    /// Returns true if there is no room.
    pub fn is_full(&self) -> bool {
        self.live.is_some_and(|live| live >= self.max)
    }
}

impl ConnectionLimitLayer {
    /// Returns each limit of this layer, and how full it is.
    ///
    /// ```
    /// use portcullis_connections::{ConnectionLimitLayer, LimitScope};
    ///
    /// let limit = ConnectionLimitLayer::new().global(100).per_subject(5);
    /// let occupancy = limit.occupancy();
    /// assert_eq!((occupancy[0].scope, occupancy[0].max, occupancy[0].live), (LimitScope::Server, 100, Some(0)));
    /// assert_eq!((occupancy[1].scope, occupancy[1].max, occupancy[1].live), (LimitScope::Subject, 5, None));
    /// ```
    pub fn occupancy(&self) -> Vec<Occupancy> {
        let (settings, pool) = self.parts();
        let server = settings.global.map(|max| {
            let server = Occupancy::new(LimitScope::Server, max, Some(pool.total()));
            Occupancy { is_high: pool.is_high(), ..server }
        });
        let unauthenticated = settings
            .unauthenticated
            .map(|max| Occupancy::new(LimitScope::Unauthenticated, max, Some(pool.taken(&Key::Unauthenticated))));
        let of_many = |scope, limit: Option<Limit>| limit.map(|limit| Occupancy::new(scope, limit.max, None));
        let all = [
            server,
            of_many(LimitScope::ClientIp, settings.client),
            of_many(LimitScope::Subject, settings.subject),
            of_many(LimitScope::Key, settings.key.as_ref().map(|(_, limit)| *limit)),
            unauthenticated,
        ];
        all.into_iter().flatten().collect()
    }

    /// Returns the limits of its address and of its subject that a connection counts against, and how full they are.
    /// The cost does not grow with the number of connections. What a connection counts against by a
    /// [key](Self::per_key) of your own is not known afterwards.
    ///
    /// ```
    /// # use axum::{Router, extract::ws::WebSocketUpgrade, routing::any};
    /// # use portcullis_core::{Connections, identity::{ClientIp, Subject}, testing::Handshake};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let handler = any(async |upgrade: WebSocketUpgrade| {
    /// #     upgrade.on_upgrade(async |mut socket| while let Some(Ok(_)) = socket.recv().await {})
    /// # });
    /// use portcullis_connections::{ConnectionLimitLayer, LimitScope};
    ///
    /// let (limit, connections) = (ConnectionLimitLayer::new().per_client_ip(100).per_subject(5), Connections::new());
    /// let app = Router::new().route("/ws", handler).layer(limit.clone()).layer(connections.layer());
    /// let client = ClientIp([192, 0, 2, 1].into());
    /// let alice = || Handshake::new("/ws").extension(client).extension(Subject::new("alice"));
    /// let _clients = [alice().connect(app.clone()).await?, alice().connect(app).await?];
    ///
    /// // An operator looks at one of them: is it close to a limit?
    /// let connection = &connections.of_subject(&Subject::new("alice"))[0];
    /// let [client, subject] = limit.occupancy_of(connection)[..] else { panic!("two limits count it") };
    /// assert_eq!((client.scope, client.live, client.max), (LimitScope::ClientIp, Some(2), 100));
    /// assert_eq!((subject.scope, subject.live, subject.max), (LimitScope::Subject, Some(2), 5));
    /// # Ok(()) }
    /// ```
    pub fn occupancy_of(&self, connection: &Connection) -> Vec<Occupancy> {
        let (settings, pool) = self.parts();
        let client = connection.client_ip().map(|client| ClientIp(client).network(settings.ipv6_prefix));
        let of_client = settings.client.zip(client).map(|(limit, client)| {
            Occupancy::new(LimitScope::ClientIp, limit.max, Some(pool.taken(&Key::Client(client))))
        });
        let owner = connection.subject().map(Key::Subject).or(client.map(Key::Anonymous));
        let of_subject = settings
            .subject
            .zip(owner)
            .map(|(limit, owner)| Occupancy::new(LimitScope::Subject, limit.max, Some(pool.taken(&owner))));
        [of_client, of_subject].into_iter().flatten().collect()
    }

    fn parts(&self) -> (&Settings, &Pool<Connection>) {
        (self.settings(), self.pool())
    }
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, net::IpAddr};

    use http::{Request, Response, StatusCode};
    use hyper::body::Incoming;
    use portcullis_core::{Connections, identity::Subject, testing::Handshake};
    use tower::{ServiceBuilder, service_fn};

    use super::*;

    #[tokio::test]
    async fn occupancy_is_that_of_the_keys_of_a_connection() {
        let limit = ConnectionLimitLayer::new().global(3).per_client_ip(2).per_subject(5).unauthenticated(9);
        let connections = Connections::new();
        let inner = service_fn(|request: Request<Incoming>| async move {
            tokio::spawn(hyper::upgrade::on(request));
            let response = Response::builder().status(StatusCode::SWITCHING_PROTOCOLS).header("upgrade", "websocket");
            Ok::<_, Infallible>(response.body(String::new()).unwrap())
        });
        let app = ServiceBuilder::new().layer(connections.layer()).layer(limit.clone()).service(inner);
        let address: IpAddr = [192, 0, 2, 1].into();
        let mut clients = Vec::new();
        for subject in ["alice", "alice", "bob"] {
            let place = if subject == "bob" { [192, 0, 2, 2].into() } else { address };
            let handshake = Handshake::new("/").extension(ClientIp(place)).extension(Subject::new(subject));
            clients.push(handshake.connect(app.clone()).await.unwrap());
        }
        let alice = connections.of_subject(&Subject::new("alice")).pop().unwrap();
        let found = |occupancy: Vec<Occupancy>| -> Vec<_> {
            occupancy.iter().map(|one| (one.scope.as_str(), one.max, one.live, one.is_full(), one.is_high)).collect()
        };
        assert_eq!(
            found(limit.occupancy_of(&alice)),
            [("client_ip", 2, Some(2), true, false), ("subject", 5, Some(2), false, false)]
        );
        assert_eq!(
            found(limit.occupancy()),
            [
                ("server", 3, Some(3), true, true),
                ("client_ip", 2, None, false, false),
                ("subject", 5, None, false, false),
                ("unauthenticated", 9, Some(0), false, false),
            ]
        );
    }
}
