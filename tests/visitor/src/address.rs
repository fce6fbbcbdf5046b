//! Where a server listens that another program runs, which cannot be handed a listener that is there already.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    sync::atomic::{AtomicU16, Ordering},
};

/// No server of this process listens on a port below.
const FIRST: u16 = 10_000;

/// Both servers of a Redis Cluster that know each other use a second port, which is that much higher.
const SECOND: u16 = 10_000;

/// A loopback address that only this process uses, made of its number, which has 22 bits at most on Linux.
///
/// A port of 127.0.0.1 that was found free may be another test's a moment later: before a program has begun to listen
/// on it, or while a server is down that is to come back.
pub fn own_address() -> Ipv4Addr {
    let [_, high, middle, low] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, 64 + high, middle, low)
}

/// A port of [`own_address`] that is handed out once. The one 10,000 above is free, too.
pub fn own_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(FIRST);
    loop {
        let port = NEXT.fetch_add(1, Ordering::Relaxed);
        // A program that listens on every address has it on this one as well.
        let is_free = |port| TcpListener::bind(SocketAddr::from((own_address(), port))).is_ok();
        if is_free(port) && is_free(port + SECOND) {
            return port;
        }
    }
}
