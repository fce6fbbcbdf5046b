//! What a limiter makes of frames and batches, with every kind of quota and every way to enforce it.

use std::{
    num::NonZeroU32,
    sync::Arc,
    time::{Duration, Instant},
};

use http::Request;
use portcullis_core::{
    CloseCode, CloseFrame,
    frame::FrameHeader,
    identity::{NoSubject, Subject},
    policy::{Batch, BatchVerdict, Policy, Verdict},
};

use crate::{
    Allowance, ByteQuota, Excess, MessageRateLayer, Quota,
    account::Account,
    cells::{Cells, Kind},
    key::Owned,
    policy::Limiter,
    shared::Owner,
};

const TEXT: [u8; 6] = [0x81, 0x80, 0, 0, 0, 0];
const HUNDRED: [u8; 6] = [0x82, 0xe4, 0, 0, 0, 0];
const PING: [u8; 6] = [0x89, 0x80, 0, 0, 0, 0];
const EMPTY: [u8; 6] = [0x00, 0x80, 0, 0, 0, 0];
const FRAGMENT: [u8; 6] = [0x00, 0x81, 0, 0, 0, 0];

fn quota(cells: u32) -> Quota {
    Quota::per_second(NonZeroU32::new(cells).unwrap())
}

/// Two messages, three control frames, five continuations of which four may be empty, and 250 bytes a second.
fn layer() -> MessageRateLayer {
    let layer = MessageRateLayer::per_second(2).control_quota(quota(3)).continuation_quota(quota(5));
    layer.max_empty_continuations(4).byte_quota(ByteQuota::per_second(250))
}

pub(crate) fn account(layer: &MessageRateLayer) -> Arc<Account> {
    let shared = layer.shared_state();
    // Where a subject counts, it comes with the first message.
    let mut parts = Request::new(()).into_parts().0;
    parts.extensions.insert(NoSubject::Awaited);
    let owner = shared.owner(&shared.owned(&parts).unwrap_or(Owned::Own));
    Arc::new(Account::new(shared, owner))
}

pub(crate) fn limiter(layer: &MessageRateLayer) -> Limiter {
    Limiter::new(account(layer))
}

fn now() -> Instant {
    Instant::now() + Duration::from_secs(1)
}

/// How many of a frame pass, and what stops them.
fn passes(limiter: &mut Limiter, frame: &[u8], now: Instant) -> (u32, Verdict) {
    let frame = FrameHeader::parse(frame).unwrap();
    for passed in 0..1000 {
        let verdict = limiter.on_frame(&frame, now);
        if verdict != Verdict::Pass {
            return (passed, verdict);
        }
    }
    (1000, Verdict::Pass)
}

fn closed(reason: &'static str) -> Verdict {
    Verdict::Close(CloseFrame::new(CloseCode::POLICY_VIOLATION, reason))
}

#[test]
fn each_kind_has_its_quota_and_every_action() {
    let now = now();
    let bytes = MessageRateLayer::bytes(ByteQuota::per_second(250));
    for (layer, frame, passed, reason, next) in [
        (layer(), TEXT, 2, "message rate exceeded", 500),
        (layer(), PING, 3, "control frame rate exceeded", 334),
        (layer(), FRAGMENT, 5, "fragment rate exceeded", 200),
        (bytes, HUNDRED, 2, "byte rate exceeded", 200),
    ] {
        let with = |excess| limiter(&layer.clone().on_excess(excess));
        assert_eq!(passes(&mut with(Excess::Close), &frame, now), (passed, closed(reason)));
        assert_eq!(passes(&mut with(Excess::Drop), &frame, now), (passed, Verdict::Drop));
        let mut delaying = with(Excess::Delay);
        let (passed_before, verdict) = passes(&mut delaying, &frame, now);
        let Verdict::Delay(until) = verdict else { panic!("{verdict:?}") };
        let wait = until - now;
        assert!(
            passed_before == passed && wait <= Duration::from_millis(next) && wait > Duration::from_millis(next - 2)
        );
        assert_eq!(passes(&mut delaying, &frame, until).0, 0, "what waited was charged ahead");
    }
}

#[test]
fn a_frame_that_never_fits_is_too_big() {
    let mut limiter = limiter(&MessageRateLayer::bytes(ByteQuota::per_second(99)).on_excess(Excess::Delay));
    let close = CloseFrame::new(CloseCode::MESSAGE_TOO_BIG, "more bytes than may be sent at once");
    assert_eq!(passes(&mut limiter, &HUNDRED, now()), (0, Verdict::Close(close)));
}

#[test]
fn a_frame_that_never_fits_is_too_big_whatever_else_there_is_not_enough_of() {
    let layer = MessageRateLayer::per_second(1).byte_quota(ByteQuota::per_second(99)).on_excess(Excess::Delay);
    let (mut limiter, now) = (limiter(&layer), now());
    assert!(matches!(passes(&mut limiter, &TEXT, now), (1, Verdict::Delay(_))));
    let close = CloseFrame::new(CloseCode::MESSAGE_TOO_BIG, "more bytes than may be sent at once");
    assert_eq!(passes(&mut limiter, &HUNDRED, now), (0, Verdict::Close(close)));
}

#[test]
fn report_only_counts_empty_fragments_too() {
    let account = account(&layer().continuation_quota(quota(1_000_000)).report_only());
    assert_eq!(passes(&mut Limiter::new(account.clone()), &EMPTY, now()), (1000, Verdict::Pass));
    assert_eq!(account.violations(), 996);
}

#[test]
fn empty_fragments_are_counted_by_message() {
    let layer = layer().continuation_quota(quota(1000));
    let (mut limiter, now) = (limiter(&layer), now());
    let (text, empty) = (FrameHeader::parse(&TEXT).unwrap(), FrameHeader::parse(&EMPTY).unwrap());
    assert_eq!(limiter.on_batch(&Batch::of(&empty), now), BatchVerdict::OneByOne);
    assert_eq!(limiter.on_frame(&text, now), Verdict::Pass);
    assert_eq!(passes(&mut limiter, &EMPTY, now), (4, closed("too many empty fragments")));
    assert_eq!(limiter.on_batch(&Batch::of(&text), now), BatchVerdict::Pass, "a batch begins a message too");
    assert_eq!(passes(&mut limiter, &EMPTY, now), (4, closed("too many empty fragments")));
}

#[test]
fn patience_ends() {
    let layer = layer().on_excess(Excess::Drop).close_after(3, Duration::from_secs(10));
    let (mut limiter, now) = (limiter(&layer), now());
    let text = FrameHeader::parse(&TEXT).unwrap();
    for verdict in
        [Verdict::Pass, Verdict::Pass, Verdict::Drop, Verdict::Drop, Verdict::Drop, closed("message rate exceeded")]
    {
        assert_eq!(limiter.on_frame(&text, now), verdict);
    }
    let anew = now + Duration::from_secs(10);
    assert_eq!(passes(&mut limiter, &TEXT, anew), (2, Verdict::Drop), "a new window");
}

#[test]
fn what_would_wait_too_long_closes() {
    let layer = layer().on_excess(Excess::Delay).max_delay(Duration::from_millis(1200));
    let (mut limiter, now) = (limiter(&layer), now());
    let waits: Vec<_> = (0..5).map(|_| passes(&mut limiter, &TEXT, now).1).collect();
    assert!(matches!(waits[..3], [Verdict::Delay(_), Verdict::Delay(_), Verdict::Close(_)]), "{waits:?}");
}

#[test]
fn report_only_admits_everything_and_counts() {
    for excess in [Excess::Close, Excess::Delay, Excess::Drop] {
        let account = account(&layer().on_excess(excess).report_only());
        assert_eq!(passes(&mut Limiter::new(account.clone()), &TEXT, now()), (1000, Verdict::Pass));
        assert_eq!(account.violations(), 998);
    }
}

#[test]
fn the_close_frame_is_the_users() {
    let frame = CloseFrame::new(CloseCode::TRY_AGAIN_LATER, "slow down");
    let mut limiter = limiter(&layer().close_frame(frame.clone()));
    assert_eq!(passes(&mut limiter, &PING, now()), (3, Verdict::Close(frame)));
}

#[test]
fn a_batch_is_charged_whole_or_not_at_all_and_given_back_whole() {
    let (mut limiter, now) = (limiter(&layer()), now());
    let mut batch = Batch::of(&FrameHeader::parse(&HUNDRED).unwrap());
    batch.messages.frames = 2;
    batch.pings.frames = 4;
    batch.continuations.frames = 5;
    assert_eq!(limiter.on_batch(&batch, now), BatchVerdict::OneByOne);
    batch.pings.frames = 3;
    assert_eq!(limiter.on_batch(&batch, now), BatchVerdict::Pass);
    for frame in [TEXT, PING, FRAGMENT] {
        assert_eq!(passes(&mut limiter, &frame, now).0, 0);
    }
    limiter.on_refund(&batch);
    assert_eq!(limiter.on_batch(&batch, now), BatchVerdict::Pass, "continuations were given back as well");
}

#[test]
fn a_shared_quota_is_used_up_together_and_not_reset_by_reconnecting() {
    let (layer, now) = (layer().global(), now());
    let mut one = limiter(&layer);
    assert_eq!(passes(&mut one, &TEXT, now).0, 2);
    drop(one);
    assert_eq!(passes(&mut limiter(&layer), &TEXT, now).0, 0);
    assert_eq!(passes(&mut limiter(&layer.clone()), &TEXT, now + Duration::from_millis(500)).0, 1);
}

#[test]
fn who_is_not_signed_in_sends_nothing_where_that_is_required() {
    let (layer, now) = (layer().require_subject(), now());
    let (mut one, mut other) = (limiter(&layer), limiter(&layer));
    let close = CloseFrame::new(CloseCode::UNAUTHORIZED, "not signed in");
    assert_eq!(passes(&mut one, &TEXT, now), (0, Verdict::Close(close)));
    for limiter in [&mut one, &mut other] {
        limiter.on_authenticated(&Subject::new("alice"));
    }
    assert_eq!(passes(&mut one, &TEXT, now).0, 2);
    assert_eq!(passes(&mut other, &TEXT, now).0, 0, "it is the same alice");
}

#[test]
fn a_required_subject_is_required_whatever_the_order_of_calls() {
    let close = CloseFrame::new(CloseCode::UNAUTHORIZED, "not signed in");
    for (calls, layer) in [
        ("alone", layer().require_subject()),
        ("before per_subject", layer().require_subject().per_subject()),
        ("behind per_subject", layer().per_subject().require_subject()),
        ("before per_client_ip", layer().require_subject().per_client_ip()),
        ("behind per_client_ip", layer().per_client_ip().require_subject()),
        ("before per_key", layer().require_subject().per_key(|_| Some("key"))),
        ("before global", layer().require_subject().global()),
    ] {
        let (mut one, mut other, now) = (limiter(&layer), limiter(&layer), now());
        assert_eq!(passes(&mut one, &TEXT, now), (0, Verdict::Close(close.clone())), "{calls}");
        one.on_authenticated(&Subject::new("alice"));
        other.on_authenticated(&Subject::new("bob"));
        assert_eq!((passes(&mut one, &TEXT, now).0, passes(&mut other, &TEXT, now).0), (2, 2), "{calls}");
    }
}

#[test]
fn continuations_have_the_quota_that_was_set_or_64_times_that_of_messages() {
    let layer = || MessageRateLayer::per_second(2);
    for (calls, layer, admitted) in [
        ("neither", layer(), 128),
        ("burst", layer().burst(3), 192),
        ("quota", layer().continuation_quota(quota(5)), 5),
        ("quota, burst", layer().continuation_quota(quota(5)).burst(3), 5),
        ("burst, quota", layer().burst(3).continuation_quota(quota(5)), 5),
    ] {
        assert_eq!(
            passes(&mut limiter(&layer), &FRAGMENT, now()),
            (admitted, closed("fragment rate exceeded")),
            "{calls}"
        );
    }
}

#[test]
fn two_thousand_connections_share_one_quota_exactly() {
    let layer = MessageRateLayer::per_second(1).burst(5000).control_quota(quota(1)).global();
    let now = now();
    let admitted: u32 = std::thread::scope(|scope| {
        let flood = || (0..500).map(|_| passes(&mut limiter(&layer), &TEXT, now).0).sum::<u32>();
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(flood)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(admitted, 5000);
}

#[test]
fn a_charge_that_an_outer_layer_refuses_changes_nothing() {
    for report_only in [false, true] {
        // None comes back while this runs.
        let per_hour = |cells| MessageRateLayer::new(Quota::per_hour(NonZeroU32::new(cells).unwrap()));
        let inner = per_hour(2);
        let inner = account(&if report_only { inner.report_only() } else { inner });
        let outer = Allowance::new(account(&per_hour(3)), None);
        let alone = Allowance::new(inner.clone(), None);
        let both = Allowance::new(inner, Some(outer.clone()));
        outer.charge(3).unwrap();
        for left in [2, 1, 0] {
            assert_eq!(alone.remaining(), Some(left), "{report_only}");
            both.charge(1).unwrap_err();
            assert_eq!(alone.remaining(), Some(left), "{report_only}");
            assert_eq!(alone.charge(1).is_ok(), left > 0 || report_only);
        }
    }
}

#[test]
fn a_charge_goes_back_to_whom_it_was_charged() {
    let (layer, now) = (MessageRateLayer::per_second(3).per_subject(), now());
    let shared = layer.shared_state();
    let of = |owner| Arc::new(Account::new(shared.clone(), owner));
    let (alice, theirs) = (Subject::new("alice"), of(Owner::Own(Cells::default())));
    let hers = of(shared.owner_of(&alice).unwrap());
    let mut demand = [0; 4];
    demand[Kind::Messages] = 2;
    hers.take(&demand, now).unwrap();
    let left =
        |account: &Account| account.with(now, |meters, cells, now| meters.0[0].unwrap().remaining(cells[0], now));
    let charge = theirs.charge(demand, now).unwrap();
    assert_eq!((left(&theirs), left(&hers)), (1, 1));
    // They sign in as alice, and get another quota.
    theirs.authenticated(&alice);
    theirs.change(|meters| *meters = account(&MessageRateLayer::per_second(1)).with(now, |meters, _, _| *meters));
    theirs.undo(&charge);
    assert_eq!(left(&hers), 1, "nothing of hers is given back");
}
