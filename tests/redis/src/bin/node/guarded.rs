//! What a node guards besides permits: live connections, tickets, and messages.

use std::{
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, Instant, SystemTime},
};

use http::Request;
use portcullis_core::{
    CloseCode, CloseFrame, Target,
    frame::FrameHeader,
    identity::Subject,
    policy::{Policy, Verdict},
    shared::Broadcast,
};
use portcullis_jwt::{JwtLayer, Revocations, Tickets};
use portcullis_rate_limit::MessageRateLayer;
use portcullis_redis::{Cluster, WhenAway};
use redis_tests::{Names, Site, connect};
use tokio::time::{MissedTickBehavior, interval, sleep_until};

/// Far more than any run uses.
const TICKETS: usize = 1_000_000;

/// How long a revocation is remembered.
const REMEMBER: Duration = Duration::from_secs(120);

/// A connection that was told to close has so many turns of the runtime to do it, with a pause between them. A process
/// that stands still has none.
const TURNS: usize = 500;
const PAUSE: Duration = Duration::from_millis(10);

pub(crate) struct Guarded {
    site: Site,
    tickets: JwtLayer<()>,
    messages: MessageRateLayer,
    /// The key whose messages are sent now, and its connection.
    sends: Option<(String, Box<dyn Policy>)>,
    live: Arc<Mutex<Live>>,
}

/// Connections by their tokens. A token may have several.
#[derive(Default)]
struct Live {
    open: Vec<String>,
    /// Those that have ended since this was asked last, how, and when.
    ended: Vec<(String, u16, SystemTime)>,
}

impl Guarded {
    /// Messages of a key are limited to `rate` a second, in bursts of `burst`, and bought by `block`.
    pub(crate) fn new(cluster: Cluster, [rate, burst, block]: [u32; 3]) -> Self {
        let tickets = Tickets::new(TICKETS).shared(&cluster);
        let tickets = JwtLayer::new(Names).query("t").handshakes_only().single_use(tickets);
        let messages = MessageRateLayer::per_second(rate).burst(burst).per_subject();
        let messages = messages.shared(&cluster.when_away(WhenAway::Refuse)).block(block);
        let mut site = Site::new(cluster);
        site.revocations = Revocations::remember(REMEMBER).shared(&site.cluster);
        Self { site, tickets, messages, sends: None, live: Arc::default() }
    }

    /// Connects with a token, from an address. Answers `yes NODE CONNECTION`, or why not.
    pub(crate) async fn connect(&self, token: &str, address: &str) -> String {
        let mut client = match self.site.connect_from(token, address.parse().unwrap()).await {
            Ok(client) => client,
            Err((why, _)) => return why.to_owned(),
        };
        let (subject, _) = token.split_once('.').unwrap();
        let registered = self.site.connections.of_subject(&Subject::new(subject));
        lock(&self.live).open.push(token.to_owned());
        let (live, token) = (self.live.clone(), token.to_owned());
        tokio::spawn(async move {
            let frame = client.closed().await;
            let code = frame.and_then(|frame| frame.code()).map_or(0, CloseCode::as_u16);
            let mut live = lock(&live);
            let place = live.open.iter().position(|open| *open == token).unwrap();
            live.open.swap_remove(place);
            live.ended.push((token, code, SystemTime::now()));
        });
        let id = registered.first().map_or_else(|| String::from("gone"), |connection| connection.id().to_string());
        format!("yes {} {id}", self.site.connections.node().unwrap())
    }

    /// Which connections have ended since this was asked last, each as `TOKEN=CODE@MICROSECONDS`.
    pub(crate) fn ended(&self) -> String {
        let ended = std::mem::take(&mut lock(&self.live).ended);
        let lines = ended.into_iter().map(|(token, code, at)| {
            let at = at.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_micros();
            format!("{token}={code}@{at}")
        });
        lines.collect::<Vec<_>>().join(" ")
    }

    /// Of connections whose end was announced longer ago than `stale_after`, those that are open still although this
    /// node says that it has heard everything. `stale` if it does not say so.
    pub(crate) async fn open_still(&self, tokens: &str) -> String {
        if self.site.cluster.health().stale {
            return String::from("stale");
        }
        let mut left: Vec<_> = tokens.split(',').collect();
        let mut turns = interval(PAUSE);
        turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for _ in 0..TURNS {
            left.retain(|token| lock(&self.live).open.iter().any(|open| open == token));
            if left.is_empty() {
                break;
            }
            turns.tick().await;
        }
        format!("fresh {}", left.join(","))
    }

    /// Revokes, or commands. Answers `yes` if the other nodes are told.
    pub(crate) async fn strike(&self, how: &str, whom: &str) -> String {
        let site = &self.site;
        let kick = CloseFrame::new(CloseCode::new(4001).unwrap(), "kicked");
        let told: Broadcast = match how {
            "id" => site.revocations.revoke_id(whom.to_owned()),
            "subject" => site.revocations.revoke_subject(&Subject::new(whom)),
            "kick-subject" => site.connections.close(Subject::new(whom), kick),
            "kick-address" => site.connections.close(Target::ClientIp(whom.parse().unwrap()), kick),
            "kick-connection" => {
                let (node, id) = whom.split_once('/').unwrap();
                let whom = Target::Connection { node: node.parse().unwrap(), id: id.parse().unwrap() };
                site.connections.close(whom, kick)
            }
            "abort" => site.connections.abort(Subject::new(whom)),
            _ => panic!("what is {how:?}?"),
        };
        told.await.map_or("away", |_| "yes").to_owned()
    }

    /// Uses a ticket. Answers `yes`, or why not.
    pub(crate) async fn spend(&self, ticket: &str) -> String {
        let spent = connect(&self.tickets, ticket, [192, 0, 2, 1].into()).await;
        spent.map_or_else(|(why, _)| why, |_| "yes").to_owned()
    }

    /// Sends messages of a key. Answers how many passed.
    pub(crate) fn flood(&mut self, key: &str, count: &str) -> String {
        let policy = self.policy(key);
        let sent = (0..count.parse::<usize>().unwrap()).map(|_| policy.on_frame(&text(), Instant::now()));
        sent.filter(|verdict| *verdict == Verdict::Pass).count().to_string()
    }

    /// Sends one message of a key, and again as long as it is held back.
    pub(crate) async fn send(&mut self, key: &str) -> String {
        loop {
            match self.policy(key).on_frame(&text(), Instant::now()) {
                Verdict::Pass => return String::from("passed"),
                Verdict::AskAgain(at) => sleep_until(at.into()).await,
                verdict => return format!("{verdict:?}"),
            }
        }
    }

    fn policy(&mut self, key: &str) -> &mut dyn Policy {
        if self.sends.as_ref().is_none_or(|(of, _)| of != key) {
            let mut parts = Request::new(()).into_parts().0;
            parts.extensions.insert(Subject::new(key));
            let policy = self.messages.policy(&parts).map_err(|refusal| refusal.kind()).unwrap();
            self.sends = Some((key.to_owned(), policy));
        }
        self.sends.as_mut().unwrap().1.as_mut()
    }
}

fn text() -> FrameHeader {
    FrameHeader::parse(&[0x81, 0x80, 0, 0, 0, 0]).unwrap()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap()
}
