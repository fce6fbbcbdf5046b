//! What layers of two nodes make of one quota, with a store that answers, holds back or is away.

use std::{
    collections::HashMap,
    num::{NonZeroU32, NonZeroUsize},
    sync::{Arc, Mutex},
    time::Duration,
};

use http::Request;
use portcullis_core::{
    CloseCode, CloseFrame,
    clock::now,
    frame::FrameHeader,
    identity::Subject,
    policy::{Batch, BatchVerdict, Policy, Verdict},
    shared::{Away, Buyer, Grant, Name, Purchase, Rate, ShareQuotas},
};
use portcullis_quota::{Epoch, Meter, Quota, Terms};
use tokio::time::advance;

use super::key_block::KeyBlock;
use crate::{
    Allowance, Excess, MessageRateLayer,
    policy::Limiter,
    tests::{account, limiter},
};

const PATIENCE: Duration = Duration::from_millis(100);
const TEXT: [u8; 6] = [0x81, 0x80, 0, 0, 0, 0];

/// A store in memory.
#[derive(Clone)]
struct Memory(Arc<Mutex<State>>);

struct State {
    epoch: Epoch,
    full_at: HashMap<Name, u64>,
    mode: Mode,
    held: Vec<(Purchase, Arc<dyn Buyer>)>,
    purchases: usize,
    sold: u64,
    given_back: u64,
}

#[derive(Clone, Copy)]
enum Mode {
    Answers,
    Holds,
    Away(Away),
}

const SHARE: Away = Away::Share { nodes: NonZeroUsize::MIN.saturating_add(1) };

impl Memory {
    fn new() -> Self {
        let (full_at, mode, held) = (HashMap::new(), Mode::Answers, Vec::new());
        let epoch = Epoch::new();
        Self(Arc::new(Mutex::new(State { epoch, full_at, mode, held, purchases: 0, sold: 0, given_back: 0 })))
    }

    fn set(&self, mode: Mode) {
        self.0.lock().unwrap().mode = mode;
        if matches!(mode, Mode::Answers) {
            let held = std::mem::take(&mut self.0.lock().unwrap().held);
            for (purchase, buyer) in held {
                self.answer(purchase, buyer.as_ref());
            }
        }
    }

    fn answer(&self, Purchase { name, rate, want, least }: Purchase, buyer: &dyn Buyer) {
        let sold = {
            let state = &mut *self.0.lock().unwrap();
            let (now, full_at) = (state.epoch.units(now()), state.full_at.entry(name).or_default());
            let quota = Quota::with_period(rate.interval).unwrap().allow_burst(NonZeroU32::new(rate.burst).unwrap());
            let bought = Meter::from(quota).buy(full_at, want, least, now);
            let wait = |until: u64| Duration::from_nanos(until.saturating_sub(now) / 16);
            let full_in = wait(*full_at);
            state.sold += bought.unwrap_or(0);
            match bought {
                Ok(cells) => Grant { cells, retry_after: Duration::ZERO, full_in },
                Err(ready) => Grant { cells: 0, retry_after: wait(ready), full_in },
            }
        };
        buyer.answered(Ok(sold));
    }

    fn count<T>(&self, count: impl FnOnce(&State) -> T) -> T {
        count(&self.0.lock().unwrap())
    }
}

impl ShareQuotas for Memory {
    fn name(&self, kind: &str, value: &[u8]) -> Name {
        let mut bytes = [0; 16];
        for (at, byte) in kind.bytes().chain(value.iter().copied()).enumerate() {
            bytes[at % 16] ^= byte.rotate_left(u32::try_from(at / 16).unwrap());
        }
        Name::from_bytes(bytes)
    }

    fn patience(&self) -> Duration {
        PATIENCE
    }

    fn away(&self) -> Away {
        if let Mode::Away(away) = self.count(|state| state.mode) { away } else { SHARE }
    }

    fn nodes(&self) -> usize {
        2
    }

    fn buy(&self, purchase: Purchase, buyer: Arc<dyn Buyer>) -> Result<(), Away> {
        self.0.lock().unwrap().purchases += 1;
        match self.count(|state| state.mode) {
            Mode::Answers => self.answer(purchase, buyer.as_ref()),
            Mode::Holds => self.0.lock().unwrap().held.push((purchase, buyer)),
            Mode::Away(away) => return Err(away),
        }
        Ok(())
    }

    fn give_back(&self, name: Name, rate: Rate, cells: u64) {
        let state = &mut *self.0.lock().unwrap();
        state.given_back += cells;
        let worth = rate.interval.as_nanos() * 16 * u128::from(cells);
        let full_at = state.full_at.get_mut(&name).unwrap();
        *full_at = full_at.saturating_sub(u64::try_from(worth).unwrap());
    }
}

fn layer(store: &Memory) -> MessageRateLayer {
    MessageRateLayer::per_second(100).burst(40).global().shared(store).block(4)
}

fn text() -> FrameHeader {
    FrameHeader::parse(&TEXT).unwrap()
}

/// How many messages pass at once, and what stops them.
fn flood(limiter: &mut Limiter) -> (u32, Verdict) {
    for passed in 0..1000 {
        let verdict = limiter.on_frame(&text(), now());
        if verdict != Verdict::Pass {
            return (passed, verdict);
        }
    }
    (1000, Verdict::Pass)
}

fn closed(code: CloseCode, reason: &'static str) -> Verdict {
    Verdict::Close(CloseFrame::new(code, reason))
}

fn exceeded() -> Verdict {
    closed(CloseCode::POLICY_VIOLATION, "message rate exceeded")
}

#[tokio::test(start_paused = true)]
async fn two_nodes_have_one_quota_and_a_block_each_at_most() {
    let store = Memory::new();
    let mut nodes = [limiter(&layer(&store)), limiter(&layer(&store))];
    let mut admitted = Vec::new();
    for step in 0..4000_u64 {
        for node in &mut nodes {
            admitted.extend((0..flood(node).0).map(|_| step));
        }
        advance(Duration::from_millis(1)).await;
    }
    for (at, from) in admitted.iter().enumerate() {
        for (count, to) in admitted[at..].iter().enumerate() {
            let most = 40 + (to - from) / 10 + 2 * 2 * 4;
            assert!((count as u64) < most, "{count} in {} ms", to - from);
        }
    }
    assert!((430..=448).contains(&admitted.len()), "{}", admitted.len());
    assert!(admitted.len() as u64 <= store.count(|state| state.sold));
}

#[tokio::test(start_paused = true)]
async fn a_burst_that_is_more_than_is_in_hand_waits_for_the_answer_and_is_admitted() {
    let store = Memory::new();
    store.set(Mode::Holds);
    let mut node = limiter(&layer(&store));
    assert_eq!(node.on_batch(&Batch::of(&text()), now()), BatchVerdict::Pass, "on credit");
    let mut admitted = 1;
    for _ in 0..20 {
        let (passed, verdict) = flood(&mut node);
        admitted += passed;
        if verdict == exceeded() {
            break;
        }
        let until = now() + PATIENCE / 8;
        assert!(matches!(verdict, Verdict::AskAgain(at) if at >= until && at <= until + Duration::from_micros(1)));
        store.set(Mode::Answers);
        store.set(Mode::Holds);
    }
    assert_eq!(admitted, 40, "the whole burst, and no violation before");
}

#[tokio::test(start_paused = true)]
async fn a_client_within_its_rate_is_not_refused_while_the_store_stands_still() {
    let store = Memory::new();
    // A block as it is by default.
    let layer = MessageRateLayer::per_second(100).global().shared(&store);
    let mut node = limiter(&layer);
    for step in 0..1000 {
        match step {
            300 => store.set(Mode::Holds),
            363 => store.set(Mode::Answers),
            _ => {}
        }
        assert_eq!(node.on_frame(&text(), now()), Verdict::Pass, "{step}");
        advance(Duration::from_micros(11_112)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_late_leaves_a_share_that_is_as_full_as_the_whole_was() {
    for (used_before, share) in [(false, 20), (true, 5)] {
        let store = Memory::new();
        let mut node = limiter(&layer(&store));
        if used_before {
            assert_eq!(flood(&mut node), (40, exceeded()));
            advance(Duration::from_millis(50)).await;
        }
        store.set(Mode::Holds);
        assert!(matches!(flood(&mut node), (4, Verdict::AskAgain(_))), "on credit, while the answer may come");
        advance(PATIENCE + Duration::from_millis(1)).await;
        assert_eq!(flood(&mut node), (share, exceeded()), "used before: {used_before}");
        advance(Duration::from_millis(100)).await;
        assert_eq!(flood(&mut node).0, 5, "half the rate");
        store.set(Mode::Answers);
        let (admitted, verdict) = flood(&mut node);
        assert!(verdict == exceeded() && admitted > 5, "the quota is one again: {admitted}");
    }
}

#[tokio::test(start_paused = true)]
async fn each_word_for_away_is_what_a_node_does() {
    let unavailable = closed(CloseCode::TRY_AGAIN_LATER, "limits are unavailable");
    let refuse = Away::Refuse { retry_after: Duration::from_secs(1) };
    for (away, admitted, in_hand, verdict) in
        [(SHARE, 20, 3 + 18, exceeded()), (Away::Alone, 40, 3 + 36, exceeded()), (refuse, 0, 3, unavailable)]
    {
        let store = Memory::new();
        store.set(Mode::Away(away));
        let mut node = limiter(&layer(&store));
        assert_eq!(flood(&mut node), (admitted, verdict.clone()), "{away:?}");
        let mut delaying = limiter(&layer(&store).on_excess(Excess::Delay));
        let (passed, delayed) = flood(&mut delaying);
        assert_eq!(passed, admitted, "{away:?}");
        assert_eq!(matches!(delayed, Verdict::AskAgain(_)), admitted > 0, "{delayed:?}");
        let mut dropping = limiter(&layer(&store).on_excess(Excess::Drop));
        assert_eq!(flood(&mut dropping), (admitted, Verdict::Drop), "{away:?}");
        // It comes back, and the node asks it again.
        store.set(Mode::Answers);
        advance(PATIENCE + Duration::from_secs(1)).await;
        assert_eq!(flood(&mut node), (40, exceeded()), "{away:?}");
        // What was bought is spent before anything else.
        advance(Duration::from_secs(1)).await;
        assert_eq!(node.on_frame(&text(), now()), Verdict::Pass);
        store.set(Mode::Away(away));
        assert_eq!(flood(&mut node).0, in_hand, "{away:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn connecting_again_gives_no_share_anew() {
    let store = Memory::new();
    store.set(Mode::Away(SHARE));
    let layer = layer(&store);
    assert_eq!(flood(&mut limiter(&layer)).0, 20);
    assert_eq!(flood(&mut limiter(&layer)).0, 0);
    advance(Duration::from_millis(100)).await;
    assert_eq!(flood(&mut limiter(&layer)).0, 5, "half the rate");
}

#[tokio::test(start_paused = true)]
async fn what_is_not_spent_is_given_back_with_the_last_connection_and_nothing_is_left() {
    let store = Memory::new();
    let layer = layer(&store);
    let (mut one, other) = (limiter(&layer), limiter(&layer));
    assert_eq!(one.on_frame(&text(), now()), Verdict::Pass);
    drop(one);
    assert_eq!(store.count(|state| state.given_back), 0);
    drop(other);
    assert_eq!(store.count(|state| (state.sold, state.given_back)), (4, 3));
    assert_eq!(layer.shared_state().blocks(), 0);
    // Of what comes when all are gone, the rest is given back, too.
    store.set(Mode::Holds);
    let mut last = limiter(&layer);
    assert_eq!(last.on_frame(&text(), now()), Verdict::Pass, "on credit");
    drop(last);
    assert_eq!(layer.shared_state().blocks(), 1, "it owes a message");
    store.set(Mode::Answers);
    assert_eq!(store.count(|state| (state.sold, state.given_back)), (8, 6));
    drop(limiter(&layer));
    assert_eq!(layer.shared_state().blocks(), 0);
}

#[test]
fn many_threads_spend_what_was_bought_and_nothing_twice() {
    const MESSAGES: u64 = 20_000;
    let store = Memory::new();
    let meter = Meter::from(Quota::per_hour(NonZeroU32::MIN).allow_burst(NonZeroU32::new(1_000_000).unwrap()));
    let rate = Rate { interval: meter.interval(), burst: 1_000_000 };
    let terms = Terms { block: 16, overdraft: 16, patience: u64::MAX };
    let block = Arc::new(KeyBlock::new(Name::from_bytes([1; 16]), Arc::new(store.clone()), Epoch::new(), terms, rate));
    block.join();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..MESSAGES {
                    while !block.spend(1) {
                        block.buy(1, 1, || (terms, rate));
                        if block.take(1, 1, 1).is_ok() {
                            break;
                        }
                    }
                }
            });
        }
    });
    block.leave(1);
    assert_eq!(store.count(|state| state.sold - state.given_back), 4 * MESSAGES);
}

#[tokio::test(start_paused = true)]
async fn connecting_again_gives_no_credit_anew_and_what_is_owed_is_paid() {
    let store = Memory::new();
    let layer = layer(&store);
    assert_eq!(flood(&mut limiter(&layer)), (40, exceeded()));
    let mut admitted = 40;
    // For three seconds, a thousand connections a second.
    for _ in 0..3000 {
        admitted += flood(&mut limiter(&layer)).0;
        advance(Duration::from_millis(1)).await;
    }
    assert!((330..=348).contains(&admitted), "{admitted}");
    // An answer that takes its time gives credit once.
    store.set(Mode::Holds);
    advance(Duration::from_secs(1)).await;
    let on_credit: u32 = (0..10).map(|_| flood(&mut limiter(&layer)).0).sum();
    assert_eq!(on_credit, 4);
    store.set(Mode::Answers);
    advance(Duration::from_secs(1)).await;
    drop(limiter(&layer));
    assert_eq!(layer.shared_state().blocks(), 0);
    let (sold, given_back) = store.count(|state| (state.sold, state.given_back));
    assert_eq!(u64::from(admitted + on_credit), sold - given_back);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_finds_no_room_has_a_share() {
    let store = Memory::new();
    let layer = MessageRateLayer::per_second(100).burst(40).per_subject().shared(&store).block(4).max_keys(1);
    let of = |name| {
        let account = account(&layer);
        account.authenticated(&Subject::new(name));
        Limiter::new(account)
    };
    let (alice, mut bob) = (of("alice"), of("bob"));
    assert_eq!((flood(&mut bob).0, store.count(|state| state.purchases)), (20, 0));
    drop(bob);
    assert_eq!(flood(&mut of("bob")).0, 0);
    drop(alice);
    assert_eq!(layer.shared_state().blocks(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_subject_has_its_quota_from_when_it_is_known() {
    let store = Memory::new();
    let layer = MessageRateLayer::per_second(100).burst(40).require_subject().shared(&store).block(4);
    let [one, other, bob] = ["alice", "alice", "bob"].map(|name| {
        let account = account(&layer);
        account.authenticated(&Subject::new(name));
        account
    });
    assert_eq!(layer.shared_state().blocks(), 2);
    assert_eq!(flood(&mut Limiter::new(one)).0, 40);
    assert_eq!(flood(&mut Limiter::new(other)).0, 0);
    assert_eq!(flood(&mut Limiter::new(bob.clone())).0, 40);
    bob.authenticated(&Subject::new("carol"));
    assert_eq!(flood(&mut Limiter::new(bob)).0, 40);
}

#[tokio::test(start_paused = true)]
async fn a_frame_that_is_delayed_is_asked_about_again_and_waits_for_so_long_at_most() {
    let store = Memory::new();
    let most = Duration::from_millis(200);
    let mut greedy = limiter(&layer(&store));
    let account = account(&layer(&store).on_excess(Excess::Delay).max_delay(most));
    let mut node = Limiter::new(account.clone());
    assert_eq!(flood(&mut greedy).0, 40);
    // The other node takes whatever there is, for a while.
    let start = now();
    let verdict = loop {
        match node.on_frame(&text(), now()) {
            Verdict::AskAgain(_) => {
                advance(Duration::from_millis(1)).await;
                flood(&mut greedy);
            }
            verdict => break verdict,
        }
    };
    assert_eq!(verdict, exceeded());
    assert!(now() - start <= most && now() - start > most / 2, "{:?}", now() - start);
    assert_eq!(account.violations(), 2, "it was delayed, and then closed");
    // Once there is something, it goes on.
    advance(Duration::from_millis(100)).await;
    assert_eq!(node.on_frame(&text(), now()), Verdict::Pass);
}

#[tokio::test(start_paused = true)]
async fn what_a_handler_charges_is_bought_and_given_back_as_well() {
    let store = Memory::new();
    let layer = layer(&store);
    let outer = Allowance::new(account(&MessageRateLayer::per_second(30)), None);
    let allowance = Allowance::new(account(&layer), Some(outer));
    assert_eq!(allowance.remaining(), Some(4), "a block, until more is bought");
    allowance.charge(10).unwrap();
    allowance.charge(10).unwrap();
    allowance.charge(20).unwrap_err();
    allowance.charge(10).unwrap();
    let exceeded = allowance.charge(11).unwrap_err();
    assert!(exceeded.retry_after.is_some(), "{exceeded:?}");
    assert!(allowance.wait_for(10).is_some_and(|wait| wait > Duration::ZERO));
    assert_eq!(allowance.wait_for(41), None);
    drop(allowance);
    assert_eq!(store.count(|state| state.sold - state.given_back), 30);
}

#[test]
fn settings_that_contradict_each_other_panic_where_the_layer_is_used() {
    let parts = Request::new(()).into_parts().0;
    let store = Memory::new();
    let new = || MessageRateLayer::per_second(10);
    let bytes = MessageRateLayer::bytes(crate::ByteQuota::per_second(1));
    for (sentence, layer) in [
        ("each connection", new().shared(&store)),
        ("of bytes alone", bytes.global().shared(&store)),
        ("more than the burst", new().global().shared(&store).block(11)),
        ("`MessageRateLayer::shared`", new().global().block(5)),
    ] {
        let used = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| layer.policy(&parts).is_ok()));
        let panic = used.unwrap_err();
        let said = panic.downcast_ref::<String>().cloned();
        assert!(said.as_ref().is_some_and(|said| said.contains(sentence)), "{sentence}: {said:?}");
    }
    // Whatever the order of calls.
    assert!(new().shared(&store).block(11).global().burst(11).policy(&parts).is_ok());
}

#[test]
fn a_block_is_an_eighth_of_the_burst_or_what_comes_in_two_answers_and_not_more_than_a_share() {
    let store = Memory::new();
    for (rate, burst, block) in [(20, 40, 5), (20, 10, 4), (1000, 200, 100), (1, 10, 1), (1, 1, 1), (1, 80, 10)] {
        let shared = MessageRateLayer::per_second(rate).burst(burst).global().shared(&store).shared_state();
        assert_eq!(shared.block(), block, "{rate}/{burst}");
    }
}
