//! Peers that vanish and peers that do not read, over real sockets.

use std::{
    net::{Ipv4Addr, SocketAddr},
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::Duration,
};

use axum::{
    Router,
    extract::ws::{Message, WebSocket, WebSocketUpgrade},
    routing::any,
};
use interop::{
    handlers,
    wire::{self, Wire, handshake, serve},
};
use portcullis_core::{Connection, Connections, EndedBy, GuardLayer, frame::put_frame, settings::Closing};
use portcullis_liveness::{KeepAliveLayer, WriteTimeoutLayer};
use portcullis_rate_limit::{Excess, MessageRateLayer};
use tokio::{net::TcpListener, time::timeout};

const MS: Duration = Duration::from_millis(1);

/// A separate host at the other end of a cable.
struct Host {
    name: String,
    address: Ipv4Addr,
}

impl Host {
    /// `None` without network namespaces, which need root and `ip`.
    fn new() -> Option<Self> {
        let id = std::process::id();
        let (third, name) = (u8::try_from(id % 250).unwrap(), format!("vanish{id}"));
        let address = Ipv4Addr::new(10, 213, third, 1);
        let host = Self { name: name.clone(), address };
        let peer = Ipv4Addr::new(10, 213, third, 2);
        let steps = [
            format!("netns add {name}"),
            format!("link add {name} type veth peer name inside netns {name}"),
            format!("addr add {address}/30 dev {name}"),
            format!("link set {name} up"),
            format!("-n {name} addr add {peer}/30 dev inside"),
            format!("-n {name} link set inside up"),
        ];
        steps.iter().all(|step| ip(step)).then_some(host)
    }

    /// A client that opens a WebSocket, sends nothing and reads nothing.
    fn client(&self, address: SocketAddr) -> Client {
        let script = format!(
            "exec 3<>/dev/tcp/{}/{}; printf '{}' >&3; exec sleep 600",
            address.ip(),
            address.port(),
            handshake("/").replace("\r\n", "\\r\\n")
        );
        let child = Command::new("ip")
            .args(["netns", "exec", &self.name, "bash", "-c", &script])
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        Client(child)
    }

    /// Pulls the cable.
    fn vanish(&self) {
        assert!(ip(&format!("-n {} link set inside down", self.name)));
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        ip(&format!("netns del {}", self.name));
    }
}

/// Ends only the process that was started.
struct Client(Child);

impl Drop for Client {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _gone = self.0.wait();
    }
}

fn ip(arguments: &str) -> bool {
    let mut ip = Command::new("ip");
    let run = ip.args(arguments.split(' ')).stdout(Stdio::null()).stderr(Stdio::null()).status();
    run.is_ok_and(|status| status.success())
}

/// Closing handshakes with a vanished peer take a moment instead of five seconds.
fn brief() -> GuardLayer {
    GuardLayer::new().closing(Closing::new().timeout(200 * MS))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_vanished_is_closed_and_without_keepalive_is_not() {
    let Some(host) = Host::new() else {
        return eprintln!("not run: this needs network namespaces, so root and `ip`");
    };
    let keepalive = KeepAliveLayer::new().interval(300 * MS).timeout(700 * MS);
    let (guarded, handles) = handlers::watched(handlers::echo);
    let (unwatched, others) = handlers::watched(handlers::echo);
    let mut clients = Vec::new();
    for app in [guarded.layer(keepalive).layer(brief()), unwatched.layer(brief())] {
        let listener = TcpListener::bind((host.address, 0)).await.unwrap();
        clients.push(host.client(listener.local_addr().unwrap()));
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    }
    let next = |handles: handlers::Handles| tokio::task::spawn_blocking(move || handles.recv().unwrap());
    let (watched, unwatched) = (next(handles).await.unwrap(), next(others).await.unwrap());
    // The client's kernel acknowledges pings, but they are not answered: even with the cable, this is a silent peer.
    // Without the cable, nothing is acknowledged either.
    host.vanish();
    let ended = timeout(Duration::from_secs(30), watched.closed()).await.expect("30 s passed");
    assert_eq!((ended.by, ended.frame.unwrap().reason()), (EndedBy::Guard, "no answer to a ping"));
    assert_eq!(unwatched.close_reason(), None, "TCP has not noticed");
}

/// An app that answers each message with a megabyte, and reports when a handler has ended.
fn generous() -> (Router, mpsc::Receiver<Connection>, mpsc::Receiver<()>) {
    let (handles, connections) = mpsc::channel();
    let (done, ends) = mpsc::channel();
    let route = any(async move |up: WebSocketUpgrade, connection: Connection| {
        handles.send(connection).unwrap();
        handlers::upgrade(up, async move |mut socket: WebSocket| {
            while let Some(Ok(_)) = socket.recv().await {
                if socket.send(Message::binary(vec![0; 1 << 20])).await.is_err() {
                    break;
                }
            }
            done.send(()).unwrap();
        })
    });
    (Router::new().route("/", route), connections, ends)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_does_not_read_frees_its_handler() {
    let (app, handles, ends) = generous();
    let address = serve(app.layer(WriteTimeoutLayer::new(500 * MS)).layer(brief())).await;
    let mut wire = Wire::open(address, "/").await;
    for _ in 0..64 {
        wire.send(0x81, b"more").await;
    }
    let connection = handles.recv().unwrap();
    let ended = timeout(Duration::from_secs(30), connection.closed()).await.expect("30 s passed");
    assert_eq!(ended.by, EndedBy::Guard);
    assert!(ended.cut_short, "the handler was in the middle of a frame");
    let freed = tokio::task::spawn_blocking(move || ends.recv_timeout(Duration::from_secs(30)));
    freed.await.unwrap().expect("the handler ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_reads_gets_everything() {
    let (app, _handles, _ends) = generous();
    // Long, as this peer looks like one that does not read while the machine is busy.
    let address = serve(app.layer(WriteTimeoutLayer::new(Duration::from_mins(1))).layer(brief())).await;
    let mut wire = Wire::open(address, "/").await;
    for _ in 0..8 {
        wire.send(0x81, b"more").await;
    }
    for _ in 0..8 {
        wire.has_input().await;
        assert!(matches!(wire.next().await, wire::Seen::Frame(0x82, payload) if payload.len() == 1 << 20));
    }
}

/// A client that floods a route which delays, and is gone before anything of it was answered.
#[tokio::test]
async fn a_delayed_client_that_is_gone_frees_what_it_held() {
    let registry = Connections::new();
    let layers = tower::ServiceBuilder::new()
        .layer(registry.layer())
        .layer(MessageRateLayer::per_second(1).on_excess(Excess::Delay))
        .layer(KeepAliveLayer::new().interval(300 * MS).timeout(200 * MS));
    let handler = |upgrade: WebSocketUpgrade| async { handlers::upgrade(upgrade, handlers::echo) };
    let address = serve(Router::new().route("/", any(handler)).layer(layers)).await;
    let mut wire = Wire::open(address, "/").await;
    let mut burst = Vec::new();
    for _ in 0..800 {
        put_frame(&mut burst, 0x81, b"flooded", Some([0; 4]));
    }
    wire.write(&burst).await;
    wire.has_input().await;
    assert_eq!(registry.count(), 1);
    drop(wire);
    timeout(Duration::from_secs(10), registry.wait_until_empty())
        .await
        .expect("within two intervals, not in ten minutes");
}
