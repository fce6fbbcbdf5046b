//! Rates of every scope, at times that the tests name.

use std::time::{Duration, Instant};

use http::{Request, request::Parts};
use portcullis_core::identity::{ClientAddr, Subject};

use super::HandshakeRateLayer;

fn parts(address: &str, user: Option<&str>) -> Parts {
    let mut parts = Request::new(()).into_parts().0;
    parts.extensions.insert(ClientAddr(address.parse().unwrap()));
    if let Some(user) = user {
        parts.extensions.insert(Subject::new(user));
    }
    parts
}

fn refused(layer: &HandshakeRateLayer, parts: &Parts, now: Instant) -> Option<(u16, Duration)> {
    let refusal = layer.admit(parts, now).err()?;
    Some((refusal.status().as_u16(), refusal.wait().unwrap()))
}

#[test]
fn each_key_has_its_quota() {
    let now = Instant::now();
    let second = Duration::from_secs(1);
    let (alice, bob) = (parts("192.0.2.1", Some("alice")), parts("192.0.2.1", Some("bob")));
    let (here, there) = (parts("2001:db8::1", None), parts("2001:db8::2", None));
    let far = parts("2001:db8:1::1", None);
    let layer = || HandshakeRateLayer::per_second(1).burst(2);
    for (layer, one, same, other, status) in [
        (layer(), &alice, &here, None, 503),
        (layer().per_client_ip(), &here, &there, Some(&far), 429),
        (layer().per_client_ip(), &alice, &bob, Some(&here), 429),
        (layer().per_subject(), &alice, &alice, Some(&bob), 429),
        (layer().per_subject(), &here, &there, Some(&alice), 429),
        (
            layer().per_key(|parts| parts.extensions.get::<Subject>().map(|s| s.as_str().into())),
            &alice,
            &alice,
            Some(&far),
            429,
        ),
    ] {
        assert_eq!(refused(&layer, one, now), None);
        assert_eq!(refused(&layer, same, now), None);
        assert_eq!(refused(&layer, one, now), Some((status, second)));
        if let Some(other) = other {
            assert_eq!(refused(&layer, other, now), None, "another has its own");
        }
        assert_eq!(refused(&layer, one, now + second), None);
    }
}

#[test]
fn report_only_refuses_nobody_and_a_missing_address_is_a_wiring_error() {
    let (now, nowhere) = (Instant::now(), Request::new(()).into_parts().0);
    let reporting = HandshakeRateLayer::per_second(1).report_only();
    assert!((0..10).all(|_| reporting.admit(&nowhere, now).is_ok()));
    let refusal = HandshakeRateLayer::per_second(1).per_client_ip().admit(&nowhere, now).unwrap_err();
    assert_eq!(refusal.kind(), "wiring");
}
