//! Tokens that are good for one handshake.

use std::{fmt, sync::Mutex, time::SystemTime};

use crate::{error::TokenError, expiring::Expiring, sync::lock, token_id::TokenId};

/// Which tickets were used, until they expire.
pub(crate) struct Tickets {
    /// One lock for the question whether a ticket was used and for the answer that it is now.
    used: Mutex<Used>,
    max: usize,
}

struct Used {
    tickets: Expiring<TokenId, (), SystemTime>,
    /// When the last of those that were forgotten had expired.
    forgotten: Option<SystemTime>,
}

impl Tickets {
    pub(crate) fn new(max: usize) -> Self {
        Self { used: Mutex::new(Used { tickets: Expiring::new(), forgotten: None }), max }
    }

    /// Uses a ticket. Of two at once, one is told that it is used. Where there is no room left, nobody can know.
    pub(crate) fn spend(&self, id: &TokenId, until: SystemTime, now: SystemTime) -> Result<(), TokenError> {
        let mut used = lock(&self.used);
        used.forgotten = used.forgotten.max(used.tickets.forget(now));
        if used.tickets.get(id).is_some() {
            return Err(TokenError::Used);
        }
        // It may be one of those that were forgotten: verified just before it expired, or valid again since the clock
        // was set back.
        if used.forgotten.is_some_and(|forgotten| until <= forgotten) {
            return Err(TokenError::Expired);
        }
        if used.tickets.len() >= self.max {
            return Err(TokenError::Unavailable);
        }
        used.tickets.insert(id.clone(), (), Some(until));
        Ok(())
    }
}

impl fmt::Debug for Tickets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tickets").field("max", &self.max).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_ticket_is_good_once_and_room_is_bounded() {
        let (tickets, now) = (Tickets::new(2), SystemTime::now());
        let later = now + Duration::from_secs(9);
        assert_eq!(tickets.spend(&"a".into(), later, now), Ok(()));
        assert_eq!(tickets.spend(&"a".into(), later, now), Err(TokenError::Used));
        assert_eq!(tickets.spend(&"b".into(), later, now), Ok(()));
        assert_eq!(tickets.spend(&"c".into(), later, now), Err(TokenError::Unavailable));
        assert_eq!(
            tickets.spend(&"c".into(), later + later.duration_since(now).unwrap(), later),
            Ok(()),
            "the others expired"
        );
    }

    #[test]
    fn a_full_table_costs_each_handshake_the_same() {
        const MOST: u32 = 10_000;
        let (tickets, now) = (Tickets::new(MOST as usize), SystemTime::now());
        let seconds = |seconds| now + Duration::from_secs(seconds);
        let visited = || lock(&tickets.used).tickets.visited;
        for ticket in 0..MOST {
            assert_eq!(tickets.spend(&ticket.to_string().into(), seconds(9), now), Ok(()));
        }
        for (at, answer) in [(0, Err(TokenError::Unavailable)), (9, Ok(()))] {
            let before = visited();
            for ticket in 0..100 {
                assert_eq!(tickets.spend(&format!("{at} {ticket}").into(), seconds(99), seconds(at)), answer);
            }
            assert!(visited() - before <= 200, "{} visited by 100 handshakes", visited() - before);
        }
        assert_eq!(lock(&tickets.used).tickets.len(), 9_900, "there are fewer and fewer");
    }

    #[test]
    fn a_ticket_that_was_forgotten_is_not_good_again() {
        let (tickets, now) = (Tickets::new(1), SystemTime::now());
        let seconds = |seconds| now + Duration::from_secs(seconds);
        assert_eq!(tickets.spend(&"a".into(), seconds(9), now), Ok(()));
        assert_eq!(tickets.spend(&"b".into(), seconds(20), seconds(9)), Ok(()), "room, because it has expired");
        assert_eq!(tickets.spend(&"c".into(), seconds(40), seconds(30)), Ok(()));
        // The clock was set back, or somebody has read it before it moved on.
        for (ticket, until) in [("a", 9), ("b", 20), ("new", 20)] {
            assert_eq!(tickets.spend(&ticket.into(), seconds(until), now), Err(TokenError::Expired), "{ticket}");
        }
    }

    #[test]
    fn of_many_at_once_one_gets_in() {
        let (tickets, now) = (Tickets::new(10), SystemTime::now());
        let later = now + Duration::from_secs(9);
        let spend = || tickets.spend(&"a".into(), later, now).is_ok();
        let admitted: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(spend)).collect();
            threads.into_iter().map(|thread| usize::from(thread.join().unwrap())).sum()
        });
        assert_eq!(admitted, 1);
    }
}
