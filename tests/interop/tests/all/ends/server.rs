//! A server of one client, with the layer that is to notice its end.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::Request,
    middleware::{Next, from_fn},
    response::{IntoResponse, Response},
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use portcullis_connections::ConnectionLimitLayer;
use portcullis_core::{Connections, GuardLayer, gate::Gate, settings::Closing, upgrade};
use portcullis_liveness::{IdleTimeoutLayer, KeepAliveLayer, WriteTimeoutLayer};
use portcullis_rate_limit::{Excess, MessageRateLayer, Quota};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    sync::{mpsc, oneshot},
};
use tokio_rustls::{
    TlsAcceptor, TlsConnector,
    rustls::{ClientConfig, RootCertStore, ServerConfig, crypto::ring, pki_types::PrivateKeyDer},
};

use super::{
    handlers::{self, Arrived, Progress},
    table::{By, CLOSING, FIRST, GRACE, IDLE, INTERVAL, Phase, Protocol, TIMEOUT, WRITE, Way},
};

/// What the test knows about the server.
pub(super) struct Server {
    pub(super) limit: ConnectionLimitLayer,
    pub(super) registry: Connections,
    pub(super) arrived: mpsc::UnboundedReceiver<Arrived>,
    progress: mpsc::UnboundedReceiver<()>,
    returned: oneshot::Receiver<()>,
}

/// The address and protocol of a server.
pub(super) struct Address {
    pub(super) socket: SocketAddr,
    pub(super) tls: Option<TlsConnector>,
}

impl Server {
    pub(super) async fn start(phase: Phase, way: Way, protocol: Protocol, by: By) -> (Self, Address) {
        let (sender, arrived) = mpsc::unbounded_channel();
        let (reports, progress) = mpsc::unbounded_channel();
        let (returns, returned) = oneshot::channel();
        let (limit, registry) = (ConnectionLimitLayer::new().global(1), Connections::new());
        let app = handlers::routes(phase, way, Progress::new(sender, reports, returns));
        let app = guarded(app, phase, by).layer(limit.clone()).layer(registry.layer()).layer(guard(by));
        let (acceptor, tls) = (protocol == Protocol::Tls).then(certified).unzip();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let socket = listener.local_addr().unwrap();
        tokio::spawn(serve(listener, acceptor, app));
        (Self { limit, registry, arrived, progress, returned }, Address { socket, tls })
    }

    /// Waits until the handler reports that it is in its phase.
    pub(super) async fn progress(&mut self) {
        self.progress.recv().await.expect("the server holds the sender");
    }

    /// Waits until the handler has returned, or will never be called.
    pub(super) async fn handler_ends(self) {
        let _dropped = self.returned.await;
    }
}

/// The timeout of layers that must not notice the end.
const LONG: Duration = Duration::from_mins(1);

/// Patient with a client that does not answer, where that is not what the row is about.
fn guard(by: By) -> GuardLayer {
    let time = if by == By::End { LONG } else { CLOSING };
    GuardLayer::new().quiet(GRACE / 4).grace(GRACE).closing(Closing::new().timeout(time))
}

fn guarded(app: Router, phase: Phase, by: By) -> Router {
    let app = match by {
        By::Ping | By::NoPong => app.layer(KeepAliveLayer::new().interval(INTERVAL).timeout(TIMEOUT)),
        By::Idle => app.layer(IdleTimeoutLayer::new(IDLE)),
        By::Write => app.layer(WriteTimeoutLayer::new(WRITE)),
        By::End | By::FirstMessage | By::Closing => app,
    };
    match phase {
        Phase::Delayed => {
            let quota = Quota::with_period(Duration::from_mins(1)).unwrap();
            let time = Duration::from_hours(1);
            app.layer(MessageRateLayer::new(quota).on_excess(Excess::Delay).max_delay(time))
        }
        Phase::FirstMessage => {
            let time = if by == By::End { LONG } else { FIRST };
            app.layer(from_fn(move |request, next| hold(request, next, time)))
        }
        _ => app,
    }
}

async fn hold(request: Request, next: Next, time: Duration) -> Response {
    let (mut parts, body) = request.into_parts();
    let Some(guarded) = upgrade::intercept(&mut parts).unwrap() else {
        return next.run(Request::from_parts(parts, body)).await;
    };
    guarded.gate(&mut parts, Gate::new(async |_| Ok(None)).timeout(time)).unwrap();
    let response = next.run(Request::from_parts(parts, body)).await.into_response();
    guarded.complete(&response, None);
    response
}

async fn serve(listener: TcpListener, acceptor: Option<TlsAcceptor>, app: Router) {
    let (stream, _) = listener.accept().await.unwrap();
    stream.set_nodelay(true).unwrap();
    match acceptor {
        Some(acceptor) => serve_on(acceptor.accept(stream).await.unwrap(), app).await,
        None => serve_on(stream, app).await,
    }
}

async fn serve_on(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, app: Router) {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http2().enable_connect_protocol();
    let service = TowerToHyperService::new(app);
    let _client_vanishes = builder.serve_connection_with_upgrades(TokioIo::new(stream), service).await;
}

/// A server's side of TLS, and that of a client that trusts it.
fn certified() -> (TlsAcceptor, TlsConnector) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(ring::default_provider());
    let server = ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions().unwrap();
    let server = server.with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let client = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let client = client.with_root_certificates(roots).with_no_client_auth();
    (TlsAcceptor::from(Arc::new(server)), TlsConnector::from(Arc::new(client)))
}
