//! The application under attack, the same on both sides.

use std::{
    io::Read,
    net::SocketAddr,
    sync::{Arc, atomic::Ordering},
    thread,
};

use axum::{
    Router,
    extract::{State, ws::WebSocketUpgrade},
    routing::{any, get},
    serve::ListenerExt,
};
use tokio::net::TcpListener;

use crate::{
    Result,
    handlers::{Counters, freed, panics, returns, upgrade, upgrade_busy, upgrade_feed, upgrade_large},
};

/// The application's routes, grouped by the layers that protect them.
pub(crate) struct Routes {
    pub(crate) open: Router,
    /// `/private`, for clients with a token.
    pub(crate) private: Router,
    /// `/user?name=`, whose users an outer layer identifies.
    pub(crate) user: Router,
    /// `/seat`, `/proxied` and `/session?name=`, with limits on connections.
    pub(crate) seat: Router,
    pub(crate) proxied: Router,
    pub(crate) session: Router,
    /// `/first`, for clients that authenticate with the first message.
    pub(crate) first: Router,
    /// `/alive`, whose handler echoes, and `/busy`, whose handler does not read at first.
    pub(crate) alive: Router,
    /// `/idle`, where clients must send messages.
    pub(crate) idle: Router,
    /// `/feed`, which sends more than the kernels buffer.
    pub(crate) feed: Router,
    /// `/shut`, another feed, with a limit on connections.
    pub(crate) shut: Router,
    /// `/sized`, with a limit on message size.
    pub(crate) sized: Router,
    /// `/shared`, whose clients share a quota, and have one each.
    pub(crate) shared: Router,
    /// `/many`, with room for the quotas of few clients.
    pub(crate) many: Router,
    /// `/delayed`, for one connection, which is delayed if it exceeds its quota.
    pub(crate) delayed: Router,
    /// The `/ws` of the server that is replaced, not of this one.
    pub(crate) deployed: Router,
}

impl Routes {
    pub(crate) fn new() -> Self {
        let counters = Arc::new(Counters::default());
        let app = |routes: Router<Arc<Counters>>| routes.with_state(counters.clone());
        let echo = |path| app(Router::new().route(path, any(upgrade)));
        Self {
            open: open(counters.clone()),
            private: echo("/private"),
            first: echo("/first"),
            user: echo("/user"),
            seat: echo("/seat"),
            proxied: echo("/proxied"),
            session: echo("/session"),
            alive: echo("/alive").merge(app(Router::new().route("/busy", any(upgrade_busy)))),
            idle: echo("/idle"),
            feed: app(Router::new().route("/feed", any(upgrade_feed))),
            shut: app(Router::new().route("/shut", any(upgrade_feed))),
            shared: echo("/shared"),
            many: echo("/many"),
            delayed: echo("/delayed"),
            deployed: echo("/ws"),
            sized: app(Router::new().route("/sized", any(upgrade_large))),
        }
    }
}

fn open(counters: Arc<Counters>) -> Router {
    Router::new()
        .route("/ws", any(upgrade))
        .route("/panic", any(async |socket: WebSocketUpgrade| socket.on_upgrade(panics)))
        .route("/drop", any(async |socket: WebSocketUpgrade| socket.on_upgrade(returns)))
        .route("/large", any(upgrade_large))
        .route("/freed", get(freed))
        .route("/stats", get(stats))
        .with_state(counters)
}

/// Serves until standard input ends, so that it does not outlive the siege.
#[tokio::main]
pub(crate) async fn run(app: Router) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?.port());
    thread::spawn(|| {
        let _end_or_error = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    // Nagle's algorithm would distort the figures. A failure to disable it is harmless.
    let listener = listener.tap_io(|io| drop(io.set_nodelay(true)));
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}

/// `messages bytes cpu-milliseconds`
async fn stats(State(counters): State<Arc<Counters>>) -> String {
    let (messages, bytes) = (counters.messages.load(Ordering::Relaxed), counters.bytes.load(Ordering::Relaxed));
    format!("{messages} {bytes} {}", cpu_ms().unwrap_or_default())
}

/// The CPU time of this process: fields 14 and 15 of its `stat`, in ticks of 10 ms.
fn cpu_ms() -> Option<u64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    let mut ticks = fields.split_whitespace().skip(11);
    let (user, system): (u64, u64) = (ticks.next()?.parse().ok()?, ticks.next()?.parse().ok()?);
    Some((user + system) * 10)
}
