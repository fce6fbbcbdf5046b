//! The order of calls to a builder does not matter, and contradictory settings panic.

use std::{
    fmt::Debug,
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use http::{HeaderName, StatusCode};
use portcullis_close::CloseLayer;
use portcullis_connections::{ClientIpLayer, ConnectionLimitLayer, HandshakeRateLayer, Limit};
use portcullis_core::{CloseCode, CloseFrame, GuardLayer, gate::Gate, refusal::Kind, settings::Closing};
use portcullis_liveness::{Drain, IdleTimeoutLayer, KeepAliveLayer, MaxAgeLayer, MessageSizeLayer, WriteTimeoutLayer};
use portcullis_origin::OriginLayer;
use portcullis_rate_limit::{ByteQuota, Excess, MessageRateLayer, Quota};

/// A call of a builder.
type Call<L> = (&'static str, fn(L) -> L);

/// The builder after some calls, or the panic.
fn after<L: Debug>(new: fn() -> L, calls: &[&Call<L>]) -> Result<String, String> {
    let built = catch_unwind(AssertUnwindSafe(|| {
        let built = calls.iter().fold(new(), |builder, (_, call)| call(builder));
        format!("{built:?}")
    }));
    built.map_err(|panic| panic.downcast_ref::<&str>().map_or("", |sentence| sentence).to_owned())
}

/// Tries every pair of calls in both orders.
fn every_pair<L: Debug>(new: fn() -> L, calls: &[Call<L>]) {
    let untouched = after(new, &[]);
    for (at, one) in calls.iter().enumerate() {
        assert_ne!(after(new, &[one]), untouched, "{} shows", one.0);
        for other in &calls[at + 1..] {
            assert_eq!(after(new, &[one, other]), after(new, &[other, one]), "{} and {}", one.0, other.0);
        }
    }
}

/// The panic of two calls that contradict each other.
fn contradiction<L: Debug>(new: fn() -> L, one: fn(L) -> L, other: fn(L) -> L) -> String {
    after(new, &[&("one", one), &("other", other)]).unwrap_err()
}

const SECOND: Duration = Duration::from_secs(1);

fn quota() -> Quota {
    Quota::per_second(std::num::NonZeroU32::MIN)
}

fn frame() -> CloseFrame {
    CloseFrame::new(CloseCode::FORBIDDEN, "no")
}

#[test]
fn of_a_limit_on_connections() {
    every_pair(
        ConnectionLimitLayer::new,
        &[
            ("global", |layer| layer.global(1)),
            ("per_client_ip", |layer| layer.per_client_ip(1)),
            ("ipv6_prefix", |layer| layer.ipv6_prefix(48)),
            ("per_subject", |layer| layer.per_subject(Limit::new(1).evict_oldest())),
            ("require_subject", ConnectionLimitLayer::require_subject),
            ("per_key", |layer| layer.per_key(1, |_| None::<String>)),
            ("unauthenticated", |layer| layer.unauthenticated(1)),
            ("until_handler_returns", ConnectionLimitLayer::until_handler_returns),
            ("retry_after", |layer| layer.retry_after(SECOND)),
            ("on_high_water", |layer| layer.on_high_water(|_, _| {})),
            ("report_only", ConnectionLimitLayer::report_only),
        ],
    );
}

#[test]
fn of_a_limit_on_handshakes() {
    let new = || HandshakeRateLayer::per_second(2);
    every_pair(
        new,
        &[
            ("burst", |layer| layer.burst(5)),
            ("per_client_ip", HandshakeRateLayer::per_client_ip),
            ("ipv6_prefix", |layer| layer.ipv6_prefix(48)),
            ("per_subject", HandshakeRateLayer::per_subject),
            ("require_subject", HandshakeRateLayer::require_subject),
            ("per_key", |layer| layer.per_key(|_| None::<String>)),
            ("report_only", HandshakeRateLayer::report_only),
        ],
    );
    let sentence = contradiction(new, HandshakeRateLayer::per_client_ip, HandshakeRateLayer::per_subject);
    assert_eq!(sentence, "handshakes are counted by one thing: use a layer for each");
}

#[test]
fn of_the_search_for_a_clients_address() {
    every_pair(
        ClientIpLayer::new,
        &[
            ("trust", |layer| layer.trust(["10.0.0.0/8"]).unwrap()),
            ("trust others", |layer| layer.trust(["192.0.2.0/24", "2001:db8::/32"]).unwrap()),
            ("danger_trust_everyone", ClientIpLayer::danger_trust_everyone),
            ("forwarded", ClientIpLayer::forwarded),
            ("header", |layer| layer.header(HeaderName::from_static("cf-connecting-ip"))),
        ],
    );
    let header = |layer: ClientIpLayer| layer.header(HeaderName::from_static("cf-connecting-ip"));
    let sentence = contradiction(ClientIpLayer::new, ClientIpLayer::forwarded, header);
    assert_eq!(sentence, "the client's address is read from one header");
}

#[test]
fn of_a_limit_on_messages() {
    let new = || MessageRateLayer::per_second(2);
    let calls: &[Call<MessageRateLayer>] = &[
        ("byte_quota", |layer| layer.byte_quota(ByteQuota::per_second(1))),
        ("control_quota", |layer| layer.control_quota(quota())),
        ("continuation_quota", |layer| layer.continuation_quota(quota())),
        ("max_empty_continuations", |layer| layer.max_empty_continuations(1)),
        ("per_subject", MessageRateLayer::per_subject),
        ("require_subject", MessageRateLayer::require_subject),
        ("per_client_ip", MessageRateLayer::per_client_ip),
        ("ipv6_prefix", |layer| layer.ipv6_prefix(48)),
        ("per_key", |layer| layer.per_key(|_| None::<String>)),
        ("global", MessageRateLayer::global),
        ("max_keys", |layer| layer.max_keys(1)),
        ("on_excess", |layer| layer.on_excess(Excess::Delay)),
        ("max_delay", |layer| layer.max_delay(SECOND)),
        ("close_after", |layer| layer.close_after(1, SECOND)),
        ("close_frame", |layer| layer.close_frame(frame())),
        ("report_only", MessageRateLayer::report_only),
        ("burst", |layer| layer.burst(5)),
    ];
    every_pair(new, calls);
    let sentence = contradiction(new, MessageRateLayer::global, MessageRateLayer::per_client_ip);
    assert_eq!(sentence, "messages are counted by one thing: use a layer for each");
    let bytes = || MessageRateLayer::bytes(ByteQuota::per_second(2));
    every_pair(bytes, calls);
    let burst = |layer: MessageRateLayer| layer.burst(5);
    assert_eq!(contradiction(bytes, burst, |layer| layer), "a limit of bytes has no burst of messages");
}

#[test]
fn of_an_origin_check() {
    for new in [OriginLayer::same_origin, OriginLayer::danger_any, || OriginLayer::new(["https://a.example"]).unwrap()]
    {
        every_pair(
            new,
            &[
                ("scheme", |layer| layer.scheme("https").unwrap()),
                ("allow_null", OriginLayer::allow_null),
                ("allow_file", OriginLayer::allow_file),
                ("allow_absent", OriginLayer::allow_absent),
                ("deny_absent", OriginLayer::deny_absent),
                ("hosts", |layer| layer.hosts(["a.example"]).unwrap()),
                ("allow_if", |layer| layer.allow_if(|_, _| false)),
                ("report_only", OriginLayer::report_only),
            ],
        );
    }
    let one = OriginLayer::danger_any().or_same_origin().hosts(["a.example"]).unwrap();
    let other = OriginLayer::danger_any().hosts(["a.example"]).unwrap().or_same_origin();
    assert_eq!(format!("{one:?}"), format!("{other:?}"));
}

#[test]
fn of_close_codes() {
    every_pair(
        CloseLayer::new,
        &[
            ("private_codes", CloseLayer::private_codes),
            ("kind", |layer| layer.kind(Kind::TOKEN_EXPIRED, CloseCode::FORBIDDEN)),
            ("another kind", |layer| layer.kind(Kind::SERVER_FULL, CloseCode::FORBIDDEN)),
            ("status", |layer| layer.status(StatusCode::UNAUTHORIZED, CloseCode::FORBIDDEN)),
            ("another status", |layer| layer.status(StatusCode::FORBIDDEN, CloseCode::GOING_AWAY)),
            ("max_concurrent", |layer| layer.max_concurrent(1)),
        ],
    );
}

#[test]
fn of_limits_of_time_and_size() {
    every_pair(
        KeepAliveLayer::new,
        &[
            ("interval", |layer| layer.interval(SECOND)),
            ("timeout", |layer| layer.timeout(SECOND * 60)),
            ("close_frame", |layer| layer.close_frame(frame())),
            ("report_only", KeepAliveLayer::report_only),
        ],
    );
    every_pair(
        || IdleTimeoutLayer::new(SECOND),
        &[
            ("inbound_only", IdleTimeoutLayer::inbound_only),
            ("close_frame", |layer| layer.close_frame(frame())),
            ("report_only", IdleTimeoutLayer::report_only),
        ],
    );
    every_pair(
        || MaxAgeLayer::new(SECOND),
        &[
            ("spread", |layer: MaxAgeLayer| layer.spread(SECOND * 2)),
            ("close_frame", |layer| layer.close_frame(frame())),
            ("report_only", MaxAgeLayer::report_only),
        ],
    );
    every_pair(
        || MessageSizeLayer::new(1),
        &[
            ("max_fragments", |layer: MessageSizeLayer| layer.max_fragments(1)),
            ("timeout", |layer| layer.timeout(SECOND)),
            ("allow_compression", MessageSizeLayer::allow_compression),
            ("report_only", MessageSizeLayer::report_only),
        ],
    );
    every_pair(
        WriteTimeoutLayer::default,
        &[("close_frame", |layer| layer.close_frame(frame())), ("report_only", WriteTimeoutLayer::report_only)],
    );
}

#[test]
fn of_a_drain() {
    every_pair(
        Drain::new,
        &[
            ("close_frame", |drain| drain.close_frame(frame())),
            ("going_away", Drain::going_away),
            ("window", |drain| drain.window(SECOND)),
            ("quiet", |drain| drain.quiet(SECOND)),
            ("grace", |drain| drain.grace(SECOND)),
            ("deadline", |drain| drain.deadline(SECOND)),
            ("retry_after", |drain| drain.retry_after(SECOND)),
        ],
    );
}

#[test]
fn of_the_guard() {
    every_pair(
        GuardLayer::new,
        &[
            ("framing_report_only", GuardLayer::framing_report_only),
            ("quiet", |layer| layer.quiet(SECOND)),
            ("grace", |layer| layer.grace(SECOND * 2)),
            ("closing", |layer| layer.closing(Closing::new().max_concurrent(1))),
            ("allow_other_upgrades", GuardLayer::allow_other_upgrades),
        ],
    );
    every_pair(
        || Gate::new(async |_| Ok(None)),
        &[
            ("timeout", |gate: Gate| gate.timeout(SECOND)),
            ("max_bytes", |gate| gate.max_bytes(1)),
            ("close_frame", |gate| gate.close_frame(frame())),
        ],
    );
}
