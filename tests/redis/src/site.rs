//! A node with a server on it: a registry, revocations, and clients whose token says who they are.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    net::IpAddr,
    time::{Duration, SystemTime},
};

use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use portcullis_core::{
    Connections,
    identity::{ClientIp, Subject},
    testing::{Client, Handshake},
};
use portcullis_jwt::{JwtLayer, Revocations, Verification, Verified, Verify};
use portcullis_redis::Cluster;
use tokio::io::AsyncReadExt;
use tower::{Layer, ServiceBuilder, service_fn};

/// Tokens are a subject and a name, such as `alice.7`, issued now and good for an hour.
#[derive(Clone)]
pub struct Names;

impl Verify<()> for Names {
    fn verify(&self, token: &str) -> Verification<()> {
        let (subject, id) = token.split_once('.').unwrap();
        let mut verified = Verified::new(());
        verified.subject = Some(Subject::new(subject.to_owned()));
        verified.id = Some(id.into());
        verified.issued_at = Some(SystemTime::now());
        verified.expires_at = Some(SystemTime::now() + Duration::from_secs(3600));
        Verification::ready(Ok(verified))
    }
}

/// What a server on a node has.
pub struct Site {
    /// The node.
    pub cluster: Cluster,
    /// What is revoked.
    pub revocations: Revocations,
    /// Its live connections.
    pub connections: Connections,
}

/// Why a client is not let in: kind and status.
pub type Refused = (&'static str, u16);

/// The token was revoked.
pub const REVOKED: Refused = ("token_revoked", 401);
/// The ticket was used.
pub const USED: Refused = ("token_used", 401);
/// The store cannot be asked, or was not heard of for too long.
pub const UNAVAILABLE: Refused = ("limits_unavailable", 503);

impl Site {
    /// A server on a node, without a connection.
    pub fn new(cluster: Cluster) -> Self {
        let revocations = Revocations::new().shared(&cluster);
        let connections = Connections::new().shared(&cluster);
        Self { cluster, revocations, connections }
    }

    /// Connects with a token, from 192.0.2.1.
    ///
    /// # Errors
    ///
    /// The refusal.
    pub async fn connect(&self, token: &str) -> Result<Client, Refused> {
        self.connect_from(token, [192, 0, 2, 1].into()).await
    }

    /// Connects with a token, from an address.
    ///
    /// # Errors
    ///
    /// The refusal.
    pub async fn connect_from(&self, token: &str, address: IpAddr) -> Result<Client, Refused> {
        let tokens = JwtLayer::new(Names).query("t").handshakes_only().revocations(self.revocations.clone());
        let layers = ServiceBuilder::new().layer(self.connections.layer()).layer(tokens);
        connect(&layers, token, address).await
    }

    /// Waits until all that was revoked is known here.
    pub async fn whole(self) -> Self {
        self.cluster.ready().await;
        self
    }
}

/// What upgrades whoever comes.
pub type Upgrading = tower::util::ServiceFn<fn(Request<Incoming>) -> Upgraded>;
/// Its answer.
pub type Upgraded = Ready<Result<Response<String>, Infallible>>;

/// Connects through layers, with a token and from an address.
///
/// # Errors
///
/// The refusal.
pub async fn connect<L>(layers: &L, token: &str, address: IpAddr) -> Result<Client, Refused>
where
    L: Layer<Upgrading>,
    L::Service:
        tower::Service<Request<Incoming>, Response = Response<String>, Error = Infallible> + Clone + Send + 'static,
    <L::Service as tower::Service<Request<Incoming>>>::Future: Send + 'static,
{
    let service = layers.layer(service_fn(upgrade as fn(_) -> Upgraded));
    let handshake = Handshake::new(format!("/?t={token}")).extension(ClientIp(address));
    handshake.connect(service).await.map_err(|error| {
        let refusal = error.refusal().unwrap_or_else(|| panic!("{error}"));
        (refusal.kind().as_str(), refusal.status().as_u16())
    })
}

/// Upgrades whoever comes, and reads until the end.
fn upgrade(mut request: Request<Incoming>) -> Upgraded {
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let Ok(upgraded) = upgrade.await else { return };
        let _ = TokioIo::new(upgraded).read_to_end(&mut Vec::new()).await;
    });
    let response = Response::builder().status(StatusCode::SWITCHING_PROTOCOLS).header("upgrade", "websocket");
    ready(Ok(response.body(String::new()).unwrap()))
}
