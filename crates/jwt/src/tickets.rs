//! Single-use tokens.
//!
//! Used tickets are remembered until they expire, and no longer: after that their expiry refuses them. If there is no
//! room for another, handshakes are refused. Forgetting one instead would let it be used twice.

use std::{
    fmt,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use portcullis_core::{
    Decision,
    shared::{Away, Deadline, ShareTickets},
};

use crate::{error::TokenError, expiring::Expiring, sync::lock, token_id::TokenId};

/// How much longer than its lifetime a ticket is remembered on all nodes, because the clock of another node, which
/// decides whether it has expired, may be behind.
const CLOCKS_DIFFER: Duration = Duration::from_secs(60);

/// Remembers which single-use tokens were used until they expire, for
/// [`JwtLayer::single_use`](crate::JwtLayer::single_use). Clones share them.
///
/// A ticket is accepted once in this process or, with [`shared`](Self::shared), once over all nodes.
#[derive(Clone)]
pub struct Tickets {
    /// One lock for both the check whether a ticket was used and the note that it is.
    used: Arc<Mutex<Used>>,
    max: usize,
    store: Option<Arc<dyn ShareTickets>>,
}

struct Used {
    tickets: Expiring<TokenId, (), SystemTime>,
    /// When the last of those that were removed had expired.
    forgotten: Option<SystemTime>,
}

impl Tickets {
    /// Creates an empty set that remembers at most `max` used tickets. Beyond that, handshakes are refused with 503
    /// until some have expired.
    ///
    /// ```
    /// # use std::time::{Duration, SystemTime};
    /// # use http::{Request, Response};
    /// # use portcullis_jwt::{JwtLayer, Tickets, Verification, Verified, Verify};
    /// # use tower::{Layer, ServiceExt, service_fn};
    /// # struct Issuer;
    /// # impl Verify<()> for Issuer {
    /// #     fn verify(&self, token: &str) -> Verification<()> {
    /// #         let mut verified = Verified::new(());
    /// #         verified.id = Some(token.into());
    /// #         verified.expires_at = Some(SystemTime::now() + Duration::from_secs(30));
    /// #         Verification::ready(Ok(verified))
    /// #     }
    /// # }
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// # let inner = service_fn(async |_: Request<()>| Ok::<_, std::convert::Infallible>(Response::new(())));
    /// // Room for one ticket, each of which is valid for 30 s: too little, as the second client learns.
    /// let service = JwtLayer::new(Issuer).query("ticket").handshakes_only().single_use(Tickets::new(1)).layer(inner);
    /// for (ticket, status) in [("a", 200), ("a", 401), ("b", 503)] {
    ///     let handshake = Request::get(format!("/ws?ticket={ticket}")).header("upgrade", "websocket");
    ///     let handshake = handshake.body(()).unwrap();
    ///     assert_eq!(service.clone().oneshot(handshake).await.unwrap().status(), status, "{ticket}");
    /// }
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// If `max` is zero.
    #[track_caller]
    pub fn new(max: usize) -> Self {
        assert!(max > 0, "one ticket at least must be remembered");
        let used = Used { tickets: Expiring::new(), forgotten: None };
        Self { used: Arc::new(Mutex::new(used)), max, store: None }
    }

    /// Accepts each ticket once over all nodes, with a store such as `portcullis_redis::Cluster`.
    ///
    /// A ticket that this node has seen is refused without asking the store. While the store is unreachable, handshakes
    /// are refused with 503 (1013), and the ticket can be used later. With `WhenAway::Alone`, each node then accepts a
    /// ticket once; there is no `Share` of a ticket.
    ///
    /// A ticket may be used up by a handshake that was cancelled. If the store loses its data, tickets can be used
    /// again until they expire: let them live for at most a minute.
    pub fn shared(self, store: &(impl ShareTickets + Clone)) -> Self {
        Self { store: Some(Arc::new(store.clone())), ..self }
    }

    /// Uses a ticket on this node and, if nodes share tickets, on all of them.
    pub(crate) fn spend(
        &self,
        id: &TokenId,
        until: SystemTime,
        now: SystemTime,
        by: impl FnOnce(Duration) -> Deadline,
    ) -> Decision<Result<(), TokenError>> {
        let here = self.spend_here(id, until, now);
        let Some(store) = self.store.as_ref().filter(|_| here.is_ok()) else { return Decision::ready(here) };
        let life = until.duration_since(now).unwrap_or_default().saturating_add(CLOCKS_DIFFER);
        let asked = store.spend(store.name("ticket", &id.to_bytes()), life, by(store.patience()));
        let (tickets, id) = (self.clone(), id.clone());
        let judge = move |answer| match answer {
            Ok(true) | Err(Away::Alone) => Ok(()),
            Ok(false) => Err(TokenError::Used),
            Err(_) => {
                // If the store has recorded the use nevertheless, it will refuse the ticket itself.
                lock(&tickets.used).tickets.remove(&id);
                Err(TokenError::LimitsUnavailable)
            }
        };
        match asked.at_once() {
            Ok(answer) => Decision::ready(judge(answer)),
            Err(asked) => Decision::wait(async move { judge(asked.await) }),
        }
    }

    /// Uses a ticket. Of two concurrent calls, one succeeds. Fails if there is no room to remember the ticket.
    pub(crate) fn spend_here(&self, id: &TokenId, until: SystemTime, now: SystemTime) -> Result<(), TokenError> {
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

/// At most this many used tickets are remembered, in this process.
impl From<usize> for Tickets {
    #[track_caller]
    fn from(max: usize) -> Self {
        Self::new(max)
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

    use portcullis_core::shared::{Name, Spent};

    use super::*;

    /// A store that remembers, is away, or never answers.
    #[derive(Clone)]
    struct Store {
        used: Arc<Mutex<Vec<Name>>>,
        away: Option<Away>,
        silent: bool,
    }

    impl ShareTickets for Store {
        fn name(&self, kind: &str, value: &[u8]) -> Name {
            assert_eq!(kind, "ticket");
            Name::from_bytes(std::array::from_fn(|at| value.get(at + 8).copied().unwrap_or_default()))
        }

        fn patience(&self) -> Duration {
            Duration::from_millis(100)
        }

        fn spend(&self, name: Name, life: Duration, _: Deadline) -> Spent {
            assert_eq!(life, Duration::from_secs(9) + CLOCKS_DIFFER);
            if let Some(away) = self.away {
                return Decision::ready(Err(away));
            }
            let mut used = lock(&self.used);
            let first = !used.contains(&name);
            used.push(name);
            if self.silent { Decision::wait(std::future::pending()) } else { Decision::ready(Ok(first)) }
        }
    }

    const REFUSE: Away = Away::Refuse { retry_after: Duration::from_secs(1) };

    fn spend(tickets: &Tickets, id: &str) -> Option<Result<(), TokenError>> {
        let now = SystemTime::now();
        let decision = tickets.spend(&id.into(), now + Duration::from_secs(9), now, Deadline::within);
        decision.at_once().ok()
    }

    #[test]
    fn a_ticket_is_good_once_over_all_nodes() {
        let store = Store { used: Arc::default(), away: None, silent: false };
        let nodes = [(); 2].map(|()| Tickets::new(10).shared(&store));
        assert_eq!(spend(&nodes[0], "a"), Some(Ok(())));
        for node in nodes.iter().rev() {
            assert_eq!(spend(node, "a"), Some(Err(TokenError::Used)));
        }
        assert_eq!(spend(&nodes[1], "b"), Some(Ok(())));
        assert_eq!(lock(&store.used).len(), 3, "the store is not asked about what a node has seen itself");
    }

    #[test]
    fn while_the_store_is_away_a_ticket_is_refused_and_stays_good_or_is_good_once_a_node() {
        let share = Away::Share { nodes: std::num::NonZeroUsize::MIN };
        for (away, first, second) in [
            (REFUSE, Err(TokenError::LimitsUnavailable), Err(TokenError::LimitsUnavailable)),
            (share, Err(TokenError::LimitsUnavailable), Err(TokenError::LimitsUnavailable)),
            (Away::Alone, Ok(()), Err(TokenError::Used)),
        ] {
            let mut store = Store { used: Arc::default(), away: Some(away), silent: false };
            let tickets = Tickets::new(10).shared(&store);
            assert_eq!(spend(&tickets, "a"), Some(first), "{away:?}");
            assert_eq!(spend(&tickets, "a"), Some(second), "{away:?}");
            store.away = None;
            let back = Tickets { store: Some(Arc::new(store)), ..tickets };
            assert_eq!(spend(&back, "a").unwrap().is_ok(), first.is_err(), "{away:?}");
        }
    }

    #[test]
    fn a_ticket_that_was_given_up_is_used() {
        let store = Store { used: Arc::default(), away: None, silent: true };
        let tickets = Tickets::new(10).shared(&store);
        assert_eq!(spend(&tickets, "a"), None, "the store is asked, and it is dropped");
        assert_eq!(spend(&tickets, "a"), Some(Err(TokenError::Used)));
    }

    #[test]
    fn a_ticket_is_good_once_and_room_is_bounded() {
        let (tickets, now) = (Tickets::new(2), SystemTime::now());
        let later = now + Duration::from_secs(9);
        assert_eq!(tickets.spend_here(&"a".into(), later, now), Ok(()));
        assert_eq!(tickets.spend_here(&"a".into(), later, now), Err(TokenError::Used));
        assert_eq!(tickets.spend_here(&"b".into(), later, now), Ok(()));
        assert_eq!(tickets.spend_here(&"c".into(), later, now), Err(TokenError::Unavailable));
        assert_eq!(
            tickets.spend_here(&"c".into(), later + later.duration_since(now).unwrap(), later),
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
            assert_eq!(tickets.spend_here(&ticket.to_string().into(), seconds(9), now), Ok(()));
        }
        for (at, answer) in [(0, Err(TokenError::Unavailable)), (9, Ok(()))] {
            let before = visited();
            for ticket in 0..100 {
                assert_eq!(tickets.spend_here(&format!("{at} {ticket}").into(), seconds(99), seconds(at)), answer);
            }
            assert!(visited() - before <= 200, "{} visited by 100 handshakes", visited() - before);
        }
        assert_eq!(lock(&tickets.used).tickets.len(), 9_900, "there are fewer and fewer");
    }

    #[test]
    fn a_ticket_that_was_forgotten_is_not_good_again() {
        let (tickets, now) = (Tickets::new(1), SystemTime::now());
        let seconds = |seconds| now + Duration::from_secs(seconds);
        assert_eq!(tickets.spend_here(&"a".into(), seconds(9), now), Ok(()));
        assert_eq!(tickets.spend_here(&"b".into(), seconds(20), seconds(9)), Ok(()), "room, because it has expired");
        assert_eq!(tickets.spend_here(&"c".into(), seconds(40), seconds(30)), Ok(()));
        // The clock was set back, or another thread has read it earlier and is later here.
        for (ticket, until) in [("a", 9), ("b", 20), ("new", 20)] {
            assert_eq!(tickets.spend_here(&ticket.into(), seconds(until), now), Err(TokenError::Expired), "{ticket}");
        }
    }

    #[test]
    fn of_many_at_once_one_gets_in() {
        let (tickets, now) = (Tickets::new(10), SystemTime::now());
        let later = now + Duration::from_secs(9);
        let spend = || tickets.spend_here(&"a".into(), later, now).is_ok();
        let admitted: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(spend)).collect();
            threads.into_iter().map(|thread| usize::from(thread.join().unwrap())).sum()
        });
        assert_eq!(admitted, 1);
    }
}
