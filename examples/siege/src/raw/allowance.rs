//! What one attack of an audit may still send and hold: no option raises it.

use std::{
    io::{Error, Result},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

/// A share of what an attack may send and hold, from the connection's beginning to its end.
pub(crate) struct Allowance(Arc<Left>);

/// What one attack may do in all.
#[derive(Debug)]
pub(crate) struct Left {
    bytes: AtomicUsize,
    /// Sockets that may still be open at once.
    sockets: AtomicUsize,
    /// Connections that may still be made.
    connections: AtomicUsize,
}

impl Left {
    pub(crate) fn new(bytes: usize, sockets: usize, connections: usize) -> Arc<Self> {
        let [bytes, sockets, connections] = [bytes, sockets, connections].map(AtomicUsize::new);
        Arc::new(Self { bytes, sockets, connections })
    }

    /// A socket's share, unless there are as many as there may be.
    pub(crate) fn socket(self: &Arc<Self>) -> Result<Allowance> {
        take(&self.connections, 1).ok_or_else(|| Error::other("the audit's cap on connections of one attack"))?;
        take(&self.sockets, 1).ok_or_else(|| Error::other("the audit's cap on sockets at once"))?;
        Ok(Allowance(self.clone()))
    }
}

impl Allowance {
    /// Whether so many bytes may be sent.
    pub(super) fn check(&self, bytes: usize) -> Result<()> {
        if self.0.bytes.load(Ordering::Relaxed) < bytes {
            return Err(Error::other("the audit's cap on the bytes of one attack"));
        }
        Ok(())
    }

    /// Counts bytes that were sent. Sockets of one attack that send at the same time may each send one write more than
    /// is left.
    pub(super) fn spend(&self, bytes: usize) {
        let left = |left: usize| Some(left.saturating_sub(bytes));
        let _always_some = self.0.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left);
    }
}

impl Drop for Allowance {
    fn drop(&mut self) {
        self.0.sockets.fetch_add(1, Ordering::Relaxed);
    }
}

fn take(from: &AtomicUsize, many: usize) -> Option<usize> {
    from.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(many)).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::{
        io::{Read, Write},
        net::TcpListener,
    };

    use super::*;
    use crate::raw::Wire;

    #[test]
    fn no_more_bytes_are_sent_than_are_allowed() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let left = Left::new(10, 1, 1);
        let stream = Wire::connect(listener.local_addr().unwrap()).unwrap();
        let mut wire = Wire::plain(stream).within(left.socket().unwrap());
        wire.write_all(b"12345678").unwrap();
        assert!(wire.write_all(b"90x").unwrap_err().to_string().contains("cap on the bytes"));
        wire.write_all(b"90").unwrap();
        assert!(wire.write_all(b"x").is_err());
        drop(wire);
        let mut came = String::new();
        listener.accept().unwrap().0.read_to_string(&mut came).unwrap();
        assert_eq!(came, "1234567890");
    }

    #[test]
    fn a_socket_that_is_closed_makes_room_for_another_until_all_connections_are_made() {
        let left = Left::new(0, 2, 3);
        let first = left.socket().unwrap();
        let second = left.socket().unwrap();
        assert!(left.socket().err().unwrap().to_string().contains("cap on sockets"));
        drop((first, second));
        assert!(left.socket().err().unwrap().to_string().contains("cap on connections"));
    }
}
