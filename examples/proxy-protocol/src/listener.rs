//! A listener that reads the client's address from the PROXY protocol.

use std::{
    collections::HashSet,
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::serve::Listener;
use proxy_header::{ParseConfig, io::ProxiedStream};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, mpsc},
    time::timeout,
};

/// How long a proxy may take to send the header.
const HEADER: Duration = Duration::from_secs(5);

/// How many connections may wait for a header at once.
const WAITING: usize = 1024;

type Accepted = (ProxiedStream<TcpStream>, SocketAddr);

/// Reads the PROXY protocol (version 2), from trusted proxies only.
///
/// - A trusted peer must start with a header. A connection without one is dropped after 5 s.
/// - From any other peer a header is not read: it goes to the HTTP server, which responds with 400.
/// - A health check of a proxy (`LOCAL`) has the address of the proxy.
#[derive(Debug)]
pub struct ProxyListener {
    local: SocketAddr,
    accepted: mpsc::Receiver<Accepted>,
}

impl ProxyListener {
    /// Creates a listener that trusts these proxies.
    ///
    /// # Errors
    ///
    /// If the listener has no address.
    pub fn new(listener: TcpListener, trusted: impl IntoIterator<Item = IpAddr>) -> io::Result<Self> {
        let local = listener.local_addr()?;
        let (sender, accepted) = mpsc::channel(WAITING);
        tokio::spawn(accept(listener, trusted.into_iter().collect(), sender));
        Ok(Self { local, accepted })
    }
}

/// Accepts until the listener is dropped. A silent proxy does not delay other connections.
async fn accept(mut listener: TcpListener, trusted: HashSet<IpAddr>, sender: mpsc::Sender<Accepted>) {
    let waiting = Arc::new(Semaphore::new(WAITING));
    loop {
        // axum's implementation waits a while after an error, such as too many open files.
        let accepting = Listener::accept(&mut listener);
        let (stream, peer) = tokio::select! {
            accepted = accepting => accepted,
            () = sender.closed() => return,
        };
        if !trusted.contains(&peer.ip().to_canonical()) {
            let _server_stopped = sender.send((ProxiedStream::unproxied(stream), peer)).await;
            continue;
        }
        let (sender, waiting) = (sender.clone(), waiting.clone());
        let Ok(permit) = waiting.acquire_owned().await else { return };
        tokio::spawn(async move {
            if let Some(accepted) = read(stream, peer).await {
                let _server_stopped = sender.send(accepted).await;
            }
            drop(permit);
        });
    }
}

/// Reads the header, for the address of the client. `None` if it is invalid or late.
async fn read(stream: TcpStream, proxy: SocketAddr) -> Option<Accepted> {
    let config = ParseConfig { include_tlvs: false, allow_v1: false, allow_v2: true };
    let stream = timeout(HEADER, ProxiedStream::create_from_tokio(stream, config)).await.ok()?.ok()?;
    let client = stream.proxy_header().proxied_address().map_or(proxy, |address| address.source);
    Some((stream, client))
}

impl Listener for ProxyListener {
    type Io = ProxiedStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> Accepted {
        match self.accepted.recv().await {
            Some(accepted) => accepted,
            // The task ends only with the runtime.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.local)
    }
}
