//! The budget of one attack of an audit: what it may still send and hold. No option raises it.

use std::{
    io::{Error, Result},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

/// A connection's share of the budget, from its start to its end.
pub(crate) struct Allowance(Arc<Budget>);

/// The budget of one attack.
#[derive(Debug)]
pub(crate) struct Budget {
    bytes: AtomicUsize,
    /// Sockets that may still be open at once.
    sockets: AtomicUsize,
    /// Connections that may still be made.
    connections: AtomicUsize,
    end: Instant,
}

impl Budget {
    pub(crate) fn new(bytes: usize, sockets: usize, connections: usize, time: Duration) -> Arc<Self> {
        let [bytes, sockets, connections] = [bytes, sockets, connections].map(AtomicUsize::new);
        Arc::new(Self { bytes, sockets, connections, end: Instant::now() + time })
    }

    fn in_time(&self) -> Result<()> {
        let over = Instant::now() >= self.end;
        if over { Err(Error::other("the audit's cap on the seconds of one attack")) } else { Ok(()) }
    }

    /// Takes the share of a socket, within the caps.
    pub(crate) fn socket(self: &Arc<Self>) -> Result<Allowance> {
        self.in_time()?;
        take(&self.connections, 1).ok_or_else(|| Error::other("the audit's cap on connections of one attack"))?;
        take(&self.sockets, 1).ok_or_else(|| Error::other("the audit's cap on sockets at once"))?;
        Ok(Allowance(self.clone()))
    }
}

impl Allowance {
    /// Checks that this many bytes may be sent.
    pub(super) fn check(&self, bytes: usize) -> Result<()> {
        self.0.in_time()?;
        if self.0.bytes.load(Ordering::Relaxed) < bytes {
            return Err(Error::other("the audit's cap on the bytes of one attack"));
        }
        Ok(())
    }

    /// Counts bytes that were sent. Concurrent sockets of one attack may each exceed the budget by one write.
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

    const LONG: Duration = Duration::from_mins(1);

    #[test]
    fn no_bytes_are_sent_and_no_connection_is_made_when_the_time_is_over() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = Wire::connect(listener.local_addr().unwrap()).unwrap();
        let over = Arc::new(Budget { end: Instant::now(), ..Arc::into_inner(Budget::new(10, 1, 1, LONG)).unwrap() });
        assert!(over.socket().err().unwrap().to_string().contains("cap on the seconds"));
        let mut wire = Wire::plain(stream).within(Allowance(over));
        assert!(wire.write_all(b"x").unwrap_err().to_string().contains("cap on the seconds"));
    }

    #[test]
    fn no_more_bytes_are_sent_than_are_allowed() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let left = Budget::new(10, 1, 1, LONG);
        let stream = Wire::connect(listener.local_addr().unwrap()).unwrap();
        let mut wire = Wire::plain(stream).within(left.socket().unwrap());
        wire.write_all(b"12345678").unwrap();
        assert!(wire.write_all(b"90x").unwrap_err().to_string().contains("cap on the bytes"));
        wire.write_all(b"90").unwrap();
        assert!(wire.write_all(b"x").is_err());
        drop(wire);
        let mut arrived = String::new();
        listener.accept().unwrap().0.read_to_string(&mut arrived).unwrap();
        assert_eq!(arrived, "1234567890");
    }

    #[test]
    fn a_closed_socket_makes_room_for_another_up_to_the_cap_on_connections() {
        let left = Budget::new(0, 2, 3, LONG);
        let first = left.socket().unwrap();
        let second = left.socket().unwrap();
        assert!(left.socket().err().unwrap().to_string().contains("cap on sockets"));
        drop((first, second));
        assert!(left.socket().err().unwrap().to_string().contains("cap on connections"));
    }
}
