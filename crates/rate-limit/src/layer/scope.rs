//! Whose messages are counted together.

use std::sync::Arc;

use http::request::Parts;

use super::MessageRateLayer;
use crate::key::Scope;

impl MessageRateLayer {
    /// Shares the quotas among all connections of a subject. Connections without a subject share them by client
    /// address, which a layer outside must have determined.
    ///
    /// ```
    /// # use axum::{Router, extract::ws::WebSocketUpgrade, routing::any};
    /// # use portcullis_core::testing::{Handshake, Message};
    /// # use portcullis_rate_limit::MessageRateLayer;
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let echo = any(async |upgrade: WebSocketUpgrade| {
    /// #     upgrade.on_upgrade(async |mut socket| {
    /// #         while let Some(Ok(message)) = socket.recv().await {
    /// #             let _closed = socket.send(message).await;
    /// #         }
    /// #     })
    /// # });
    /// use portcullis_core::identity::Subject;
    ///
    /// let app = Router::new().route("/ws", echo).layer(MessageRateLayer::per_second(1).burst(3).per_subject());
    /// // The subject that a layer outside, such as a `JwtLayer`, has found.
    /// let connect = async |name: &str| {
    ///     Handshake::new("/ws").extension(Subject::new(name)).connect(app.clone()).await.unwrap()
    /// };
    /// // To connect again gives no new quota.
    /// for _ in 0..3 {
    ///     let mut alice = connect("alice").await;
    ///     alice.send_text("hello").await?;
    ///     assert_eq!(alice.next().await, Some(Message::Text("hello".into())));
    /// }
    /// let mut alice = connect("alice").await;
    /// alice.send_text("hello").await?;
    /// assert_eq!(alice.closed().await.unwrap().code().unwrap(), 1008);
    ///
    /// let mut bob = connect("bob").await;
    /// bob.send_text("hello").await?;
    /// assert_eq!(bob.next().await, Some(Message::Text("hello".into())));
    /// # Ok(()) }
    /// ```
    ///
    /// # Panics
    ///
    /// If another scope was set before.
    #[track_caller]
    pub fn per_subject(self) -> Self {
        self.count_by(Scope::Subject { required: false })
    }

    /// Shares the quotas among all connections of a subject, and refuses clients without a subject with 403.
    ///
    /// Clients may authenticate with their first message; if that yields no subject, the connection is closed with 3000
    /// when it sends another message. Takes precedence over [`per_subject`](Self::per_subject) and every other scope,
    /// regardless of the order of the calls.
    ///
    /// ```
    /// # use axum::{Router, extract::ws::WebSocketUpgrade, routing::any};
    /// # use portcullis_core::testing::Handshake;
    /// # use portcullis_rate_limit::MessageRateLayer;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let handler = any(async |upgrade: WebSocketUpgrade| {
    /// #     upgrade.on_upgrade(async |mut socket| while let Some(Ok(_)) = socket.recv().await {})
    /// # });
    /// use portcullis_core::identity::{ClientIp, NoSubject, Subject};
    ///
    /// let app = Router::new().route("/ws", handler).layer(MessageRateLayer::per_second(20).require_subject());
    /// let handshake = || Handshake::new("/ws").extension(ClientIp([192, 0, 2, 1].into()));
    /// assert!(handshake().extension(Subject::new("alice")).connect(app.clone()).await.is_ok());
    /// let anonymous = handshake().extension(NoSubject::Anonymous).connect(app.clone()).await.unwrap_err();
    /// assert_eq!(anonymous.status().unwrap(), 403);
    /// // No layer outside has said anything: the composition is wrong, not the client.
    /// assert_eq!(Handshake::new("/ws").connect(app).await.unwrap_err().status().unwrap(), 500);
    /// # Ok(()) }
    /// ```
    pub fn require_subject(self) -> Self {
        self.set(|settings| settings.require_subject = true)
    }

    /// Shares the quotas among all connections of a client address, which a layer outside must have determined.
    ///
    /// ```
    /// # use axum::{Router, extract::ws::WebSocketUpgrade, routing::any};
    /// # use portcullis_core::testing::{Handshake, Message};
    /// # use portcullis_rate_limit::MessageRateLayer;
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let echo = any(async |upgrade: WebSocketUpgrade| {
    /// #     upgrade.on_upgrade(async |mut socket| {
    /// #         while let Some(Ok(message)) = socket.recv().await {
    /// #             let _closed = socket.send(message).await;
    /// #         }
    /// #     })
    /// # });
    /// use portcullis_core::identity::ClientIp;
    ///
    /// let app = Router::new().route("/ws", echo).layer(MessageRateLayer::per_second(1).per_client_ip());
    /// // What a `ClientIpLayer` outside has determined. Addresses of one /64 count together.
    /// for (client, admitted) in [("2001:db8::1", true), ("2001:db8::2", false), ("2001:db8:0:1::1", true)] {
    ///     let handshake = Handshake::new("/ws").extension(ClientIp(client.parse()?));
    ///     let mut client = handshake.connect(app.clone()).await?;
    ///     client.send_text("hello").await?;
    ///     assert_eq!(matches!(client.next().await, Some(Message::Text(_))), admitted);
    /// }
    /// assert_eq!(Handshake::new("/ws").connect(app).await.unwrap_err().status().unwrap(), 500, "no `ClientIpLayer`");
    /// # Ok(()) }
    /// ```
    ///
    /// # Panics
    ///
    /// If another scope was set before.
    #[track_caller]
    pub fn per_client_ip(self) -> Self {
        self.count_by(Scope::Client)
    }

    /// Sets how many leading bits of an IPv6 address identify a client, 64 by default: one client owns all addresses
    /// with the same prefix.
    ///
    /// # Panics
    ///
    /// If `bits` is zero or more than 128.
    #[track_caller]
    pub fn ipv6_prefix(self, bits: u8) -> Self {
        assert!((1..=128).contains(&bits), "a prefix of an IPv6 address has 1 to 128 bits");
        self.set(|settings| settings.ipv6_prefix = bits)
    }

    /// Shares the quotas among all connections with the same key. A connection without a key has quotas of its own.
    ///
    /// ```
    /// # use axum::{Router, extract::ws::WebSocketUpgrade, routing::any};
    /// # use portcullis_core::testing::{Handshake, Message};
    /// # use portcullis_rate_limit::MessageRateLayer;
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let echo = any(async |upgrade: WebSocketUpgrade| {
    /// #     upgrade.on_upgrade(async |mut socket| {
    /// #         while let Some(Ok(message)) = socket.recv().await {
    /// #             let _closed = socket.send(message).await;
    /// #         }
    /// #     })
    /// # });
    /// use http::request::Parts;
    ///
    /// // Two messages a second in each room, from all clients together.
    /// let room = |parts: &Parts| parts.uri.path().strip_prefix("/rooms/").map(str::to_owned);
    /// let app = Router::new().route("/rooms/{room}", echo).layer(MessageRateLayer::per_second(2).per_key(room));
    /// for (path, admitted) in [("/rooms/1", true), ("/rooms/1", true), ("/rooms/1", false), ("/rooms/2", true)] {
    ///     let mut client = Handshake::new(path).connect(app.clone()).await?;
    ///     client.send_text("hello").await?;
    ///     assert_eq!(matches!(client.next().await, Some(Message::Text(_))), admitted, "{path}");
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Panics
    ///
    /// If another scope was set before.
    #[track_caller]
    pub fn per_key<K: AsRef<[u8]>>(self, key: impl Fn(&Parts) -> Option<K> + Send + Sync + 'static) -> Self {
        let key = move |parts: &Parts| key(parts).map(|key| key.as_ref().into());
        self.count_by(Scope::Custom(Arc::new(key)))
    }

    /// Shares the quotas among all connections.
    ///
    /// For what all clients use together, such as a queue behind the server. One client that sends too much uses up the
    /// quota of all others, so put a limit for each client inside of it.
    ///
    /// # Panics
    ///
    /// If another scope was set before.
    #[track_caller]
    pub fn global(self) -> Self {
        self.count_by(Scope::Global)
    }

    /// Sets how many keys are kept: 1,000,000 by default, of about 100 bytes each. An eighth of the room is reserved
    /// for the groups that keys share when there is no room; see the [crate's page](crate).
    ///
    /// # Panics
    ///
    /// If `keys` is zero.
    #[track_caller]
    pub fn max_keys(self, keys: usize) -> Self {
        assert!(keys > 0, "a quota that is shared needs room for one key at least");
        self.set(|settings| settings.max_keys = keys)
    }

    #[track_caller]
    fn count_by(mut self, scope: Scope) -> Self {
        self.settings.count_by(scope);
        self.set(|_| {})
    }
}
