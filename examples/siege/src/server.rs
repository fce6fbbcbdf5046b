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
    handlers::{Seen, freed, panics, returns, upgrade, upgrade_busy, upgrade_feed, upgrade_large},
};

/// The application's routes, by how they are to be protected.
pub(crate) struct Routes {
    pub(crate) open: Router,
    /// `/private`, for those who bring a token.
    pub(crate) private: Router,
    /// `/user?name=`, where whoever stands outside knows who is who.
    pub(crate) user: Router,
    /// `/seat`, `/proxied` and `/session?name=`, of which there are few.
    pub(crate) seat: Router,
    pub(crate) proxied: Router,
    pub(crate) session: Router,
    /// `/first`, for those who say who they are in their first message.
    pub(crate) first: Router,
    /// `/alive`, whose handler echoes, and `/busy`, whose handler does something else at first.
    pub(crate) alive: Router,
    /// `/idle`, where something is to be said.
    pub(crate) idle: Router,
    /// `/feed`, where there is more to read than a client has room for.
    pub(crate) feed: Router,
    /// `/shut`, another feed, of which there are few.
    pub(crate) shut: Router,
    /// `/sized`, where no message is to be large.
    pub(crate) sized: Router,
    /// `/shared`, whose clients have a quota in common, beside one each.
    pub(crate) shared: Router,
    /// `/many`, which remembers the quotas of few of its clients.
    pub(crate) many: Router,
    /// `/delayed`, where there is one seat, and where who says too much is read slowly.
    pub(crate) delayed: Router,
    /// The `/ws` of the server that is replaced, which is none of this one's.
    pub(crate) deployed: Router,
}

impl Routes {
    pub(crate) fn new() -> Self {
        let seen = Arc::new(Seen::default());
        let app = |routes: Router<Arc<Seen>>| routes.with_state(seen.clone());
        let echo = |path| app(Router::new().route(path, any(upgrade)));
        Self {
            open: open(seen.clone()),
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

fn open(seen: Arc<Seen>) -> Router {
    Router::new()
        .route("/ws", any(upgrade))
        .route("/panic", any(async |socket: WebSocketUpgrade| socket.on_upgrade(panics)))
        .route("/drop", any(async |socket: WebSocketUpgrade| socket.on_upgrade(returns)))
        .route("/large", any(upgrade_large))
        .route("/freed", get(freed))
        .route("/stats", get(stats))
        .with_state(seen)
}

/// Serves until standard input ends: when the siege is gone, so is its server.
#[tokio::main]
pub(crate) async fn run(app: Router) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?.port());
    thread::spawn(|| {
        let _end_or_error = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    // Nagle's algorithm would hide everything else; a failure to switch it off changes no outcome.
    let listener = listener.tap_io(|io| drop(io.set_nodelay(true)));
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}

/// `messages bytes cpu-milliseconds`
async fn stats(State(seen): State<Arc<Seen>>) -> String {
    let (messages, bytes) = (seen.messages.load(Ordering::Relaxed), seen.bytes.load(Ordering::Relaxed));
    format!("{messages} {bytes} {}", cpu_ms().unwrap_or_default())
}

/// What this process has used of a processor: fields 14 and 15 of its `stat`, in ticks of 10 ms.
fn cpu_ms() -> Option<u64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    let mut ticks = fields.split_whitespace().skip(11);
    let (user, system): (u64, u64) = (ticks.next()?.parse().ok()?, ticks.next()?.parse().ok()?);
    Some((user + system) * 10)
}
