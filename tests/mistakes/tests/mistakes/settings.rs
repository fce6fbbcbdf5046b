//! Senseless settings are rejected where they are set.

use std::{
    cell::RefCell,
    panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook},
    sync::Once,
    time::Duration,
};

use portcullis_connections::{ClientIpLayer, ConnectionLimitLayer, HandshakeRateLayer};
use portcullis_core::gate::Gate;
use portcullis_liveness::{IdleTimeoutLayer, KeepAliveLayer, MaxAgeLayer, MessageSizeLayer, WriteTimeoutLayer};
use portcullis_origin::OriginLayer;
use portcullis_rate_limit::{ByteQuota, MessageRateLayer};

thread_local! {
    static PANICKED: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// The file in the location of a panic.
fn panicked_in(run: impl FnOnce()) -> Option<String> {
    static NOTE: Once = Once::new();
    NOTE.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |panic| {
            let file = panic.location().map(|location| location.file().to_owned());
            PANICKED.with(|panicked| *panicked.borrow_mut() = file);
            before(panic);
        }));
    });
    PANICKED.with(|panicked| panicked.borrow_mut().take());
    let _outcome = catch_unwind(AssertUnwindSafe(run));
    PANICKED.with(|panicked| panicked.borrow_mut().take())
}

type Call = Box<dyn FnOnce()>;

const ZERO: Duration = Duration::ZERO;

fn rate() -> MessageRateLayer {
    MessageRateLayer::per_second(1)
}

fn gate() -> Gate {
    Gate::new(async |_| Ok(None))
}

#[test]
fn zeros_that_mean_nothing_panic_at_the_callers_line() {
    let calls: Vec<(&str, Call)> = vec![
        ("messages", Box::new(|| drop(MessageRateLayer::per_second(0)))),
        ("burst of messages", Box::new(|| drop(rate().burst(0)))),
        ("prefix of a client who sends", Box::new(|| drop(rate().ipv6_prefix(0)))),
        ("prefix beyond an address", Box::new(|| drop(rate().ipv6_prefix(129)))),
        ("keys", Box::new(|| drop(rate().max_keys(0)))),
        ("patience", Box::new(|| drop(rate().close_after(1, ZERO)))),
        ("bytes", Box::new(|| _ = ByteQuota::per_second(0))),
        ("burst of bytes", Box::new(|| _ = ByteQuota::per_second(1).allow_burst(0))),
        ("handshakes", Box::new(|| drop(HandshakeRateLayer::per_second(0)))),
        ("burst of handshakes", Box::new(|| drop(HandshakeRateLayer::per_second(1).burst(0)))),
        ("prefix of a client who comes", Box::new(|| drop(HandshakeRateLayer::per_second(1).ipv6_prefix(0)))),
        ("prefix of a client who stays", Box::new(|| drop(ConnectionLimitLayer::new().ipv6_prefix(0)))),
        ("size", Box::new(|| drop(MessageSizeLayer::new(0)))),
        ("max_fragments", Box::new(|| drop(MessageSizeLayer::new(1).max_fragments(0)))),
        ("time of a message", Box::new(|| drop(MessageSizeLayer::new(1).timeout(ZERO)))),
        ("age", Box::new(|| drop(MaxAgeLayer::new(ZERO)))),
        ("idle", Box::new(|| drop(IdleTimeoutLayer::new(ZERO)))),
        ("write", Box::new(|| drop(WriteTimeoutLayer::new(ZERO)))),
        ("interval", Box::new(|| drop(KeepAliveLayer::new().interval(ZERO)))),
        ("timeout", Box::new(|| drop(KeepAliveLayer::new().timeout(ZERO)))),
        ("time of a first message", Box::new(|| drop(gate().timeout(ZERO)))),
        ("size of a first message", Box::new(|| drop(gate().max_bytes(0)))),
        ("two scopes of messages", Box::new(|| drop(rate().global().per_subject()))),
        (
            "two scopes of handshakes",
            Box::new(|| {
                drop(HandshakeRateLayer::per_second(1).per_client_ip().per_key(|_| None::<String>));
            }),
        ),
        (
            "two headers",
            Box::new(|| {
                drop(ClientIpLayer::new().forwarded().header(http::HeaderName::from_static("x-real-ip")));
            }),
        ),
    ];
    for (what, call) in calls {
        assert_eq!(panicked_in(call).as_deref(), Some(file!()), "{what}");
    }
}

#[test]
fn limits_of_zero_and_unusual_settings_are_accepted() {
    let built = panicked_in(|| {
        let limit = ConnectionLimitLayer::new().global(0).per_client_ip(0).unauthenticated(0).retry_after(ZERO);
        let origins = OriginLayer::new([""; 0]).unwrap().hosts([""; 0]).unwrap();
        let trusted = ClientIpLayer::new().trust([""; 0]).unwrap();
        let keep_alive = KeepAliveLayer::new().interval(Duration::from_secs(1)).timeout(Duration::from_mins(1));
        let rate = MessageRateLayer::per_second(1).max_empty_continuations(0).max_delay(ZERO);
        let age = MaxAgeLayer::new(Duration::from_secs(1)).spread(ZERO);
        drop((limit, origins, trusted, keep_alive, rate, age));
    });
    assert_eq!(built, None);
}

#[test]
fn trusted_networks_and_origins_must_be_listed() {
    let trusts = ClientIpLayer::new().trust(["0.0.0.0/0"]).unwrap_err().to_string();
    assert!(trusts.contains("danger_trust_everyone"), "{trusts}");
    let allows = OriginLayer::new(["*"]).unwrap_err().to_string();
    assert!(allows.contains("danger_any"), "{allows}");
}
