//! Tokens that are good for one handshake.

use std::{collections::HashMap, fmt, sync::Mutex, time::SystemTime};

use crate::error::TokenError;
use crate::sync::lock;

/// Which tickets were used, until they expire.
pub(crate) struct Tickets {
    used: Mutex<HashMap<Box<str>, SystemTime>>,
    most: usize,
}

impl Tickets {
    pub(crate) fn new(most: usize) -> Self {
        Self { used: Mutex::default(), most }
    }

    /// Uses a ticket. Of two at once, one is told that it is used. Where there is no room left, nobody can know.
    pub(crate) fn spend(&self, id: &str, until: SystemTime, now: SystemTime) -> Result<(), TokenError> {
        let mut used = lock(&self.used);
        if used.contains_key(id) {
            return Err(TokenError::Used);
        }
        if used.len() >= self.most {
            used.retain(|_, until| *until > now);
        }
        if used.len() >= self.most {
            return Err(TokenError::Unavailable);
        }
        used.insert(id.into(), until);
        Ok(())
    }
}

impl fmt::Debug for Tickets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tickets").field("most", &self.most).finish_non_exhaustive()
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
        assert_eq!(tickets.spend("a", later, now), Ok(()));
        assert_eq!(tickets.spend("a", later, now), Err(TokenError::Used));
        assert_eq!(tickets.spend("b", later, now), Ok(()));
        assert_eq!(tickets.spend("c", later, now), Err(TokenError::Unavailable));
        assert_eq!(tickets.spend("c", later + later.duration_since(now).unwrap(), later), Ok(()), "the others expired");
    }

    #[test]
    fn of_many_at_once_one_gets_in() {
        let (tickets, now) = (Tickets::new(10), SystemTime::now());
        let later = now + Duration::from_secs(9);
        let spend = || tickets.spend("a", later, now).is_ok();
        let admitted: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(spend)).collect();
            threads.into_iter().map(|thread| usize::from(thread.join().unwrap())).sum()
        });
        assert_eq!(admitted, 1);
    }
}
