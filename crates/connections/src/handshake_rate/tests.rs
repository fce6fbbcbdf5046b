//! Rates of every scope, at times that the tests name.

use std::{
    convert::Infallible,
    time::{Duration, Instant},
};

use http::{Request, Response, request::Parts};
use portcullis_core::identity::{ClientIp, Subject};
use tower::{Layer, ServiceExt, limit::ConcurrencyLimit, service_fn};

use super::HandshakeRateLayer;

fn parts(address: &str, user: Option<&str>) -> Parts {
    let mut parts = Request::new(()).into_parts().0;
    parts.extensions.insert(ClientIp(address.parse().unwrap()));
    if let Some(user) = user {
        parts.extensions.insert(Subject::new(user));
    }
    parts
}

fn refused(layer: &HandshakeRateLayer, parts: &Parts, now: Instant) -> Option<(u16, Duration)> {
    let refusal = layer.admit(parts, now).err()?;
    Some((refusal.status().as_u16(), refusal.retry_after().unwrap()))
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
            layer().per_key(|parts| parts.extensions.get::<Subject>().map(|s| s.as_str().to_owned())),
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

#[tokio::test]
async fn what_stands_inside_is_called_when_it_is_ready() {
    let inner = service_fn(async |_: Request<()>| Ok::<_, Infallible>(Response::new(())));
    let inner = ConcurrencyLimit::new(inner, 1);
    let handshake = Request::get("/").header("upgrade", "websocket").body(()).unwrap();
    for request in [handshake, Request::new(())] {
        let service = HandshakeRateLayer::per_second(1).layer(inner.clone());
        assert_eq!(service.oneshot(request).await.unwrap().status(), 200);
    }
}

#[test]
fn handshakes_are_counted_by_one_thing() {
    let layer = || HandshakeRateLayer::per_second(1);
    let panics = |act: fn(HandshakeRateLayer) -> HandshakeRateLayer| {
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| act(layer()))).is_err()
    };
    assert!(!panics(|layer| layer.per_client_ip().per_client_ip()));
    assert!(!panics(|layer| layer.per_key(|_| None::<String>).per_key(|_| None::<String>)));
    assert!(panics(|layer| layer.per_client_ip().per_subject()));
    assert!(panics(|layer| layer.per_subject().per_key(|_| None::<String>)));
}

/// Plain requests to a service that knows one good token.
mod plain {
    use std::{
        net::IpAddr,
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
    };

    use http::StatusCode;
    use portcullis_core::refusal::Refusal;
    use portcullis_quota::Quota;
    use tower::Service;

    use super::{
        super::{rate::Rate, settings::Settings},
        *,
    };

    struct Server<S> {
        service: S,
        asked: Arc<AtomicUsize>,
    }

    fn server(
        layer: &HandshakeRateLayer,
    ) -> Server<impl Service<Request<()>, Response = Response<()>, Error = Infallible>> {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = asked.clone();
        let inner = service_fn(move |request: Request<()>| {
            count.fetch_add(1, Ordering::Relaxed);
            let token = request.headers().get("authorization").map(|value| value.to_str().unwrap().to_owned());
            let refusal = Refusal::new("token", StatusCode::UNAUTHORIZED);
            std::future::ready(Ok(match token.as_deref() {
                Some("good") => Response::new(()),
                Some(_) => refusal.failed_authentication().into_response(),
                None => refusal.into_response(),
            }))
        });
        Server { service: layer.layer(inner), asked }
    }

    impl<S: Service<Request<()>, Response = Response<()>, Error = Infallible>> Server<S> {
        async fn ask(&mut self, address: Option<&str>, token: &str) -> u16 {
            let mut request = Request::get("/api").body(()).unwrap();
            if !token.is_empty() {
                request.headers_mut().insert("authorization", token.parse().unwrap());
            }
            if let Some(address) = address {
                request.extensions_mut().insert(ClientIp(address.parse::<IpAddr>().unwrap()));
            }
            let response = self.service.call(request).await.unwrap();
            assert!(!response.headers().contains_key("connection") || response.status() == 401);
            response.status().as_u16()
        }
    }

    const HERE: Option<&str> = Some("192.0.2.1");
    const THERE: Option<&str> = Some("192.0.2.2");

    #[tokio::test(start_paused = true)]
    async fn bad_tokens_are_not_free_and_good_ones_are() {
        for layer in [
            HandshakeRateLayer::per_second(1).burst(3).per_client_ip(),
            HandshakeRateLayer::per_second(1).burst(3).per_subject(),
            HandshakeRateLayer::per_second(1).burst(3),
        ] {
            let mut server = server(&layer);
            for _ in 0..100 {
                assert_eq!(server.ask(HERE, "good").await, 200);
                assert_eq!(server.ask(HERE, "").await, 401, "no token costs nothing");
            }
            for _ in 0..3 {
                assert_eq!(server.ask(HERE, "bad").await, 401);
            }
            let asked = server.asked.load(Ordering::Relaxed);
            assert_eq!(server.ask(HERE, "bad").await, 429);
            assert_eq!(server.ask(HERE, "good").await, 429);
            assert_eq!(server.asked.load(Ordering::Relaxed), asked, "nothing was verified");
            assert_eq!(server.ask(THERE, "good").await, 200);
            tokio::time::advance(Duration::from_secs(1)).await;
            assert_eq!(server.ask(HERE, "good").await, 200);
            assert_eq!(server.ask(HERE, "bad").await, 401);
            assert_eq!(server.ask(HERE, "bad").await, 429);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn plain_requests_and_handshakes_do_not_use_each_other_up() {
        let layer = HandshakeRateLayer::per_second(1).burst(1).per_client_ip();
        let mut server = server(&layer);
        let here = parts("192.0.2.1", None);
        let now = portcullis_core::clock::now();
        assert_eq!((refused(&layer, &here, now), refused(&layer, &here, now).is_some()), (None, true));
        assert_eq!(server.ask(HERE, "good").await, 200);
        assert_eq!(server.ask(HERE, "bad").await, 401);
        assert_eq!(server.ask(HERE, "bad").await, 429);
        assert_eq!(refused(&layer, &here, now + Duration::from_secs(1)), None);
    }

    #[tokio::test(start_paused = true)]
    async fn what_fails_at_once_is_made_up_for_by_a_burst_at_most() {
        let rate = Rate::new(Quota::per_second(1.try_into().unwrap()).allow_burst(2.try_into().unwrap()));
        let key = Settings::default().key_of_plain(&parts("192.0.2.1", None), rate.secret()).unwrap();
        let now = portcullis_core::clock::now();
        assert_eq!(rate.wait(key, now), None);
        for _ in 0..1000 {
            rate.fail(key, now);
        }
        assert_eq!(rate.wait(key, now), Some(Duration::from_secs(3)));
        assert_eq!(rate.wait(key, now + Duration::from_secs(3)), None);
    }

    #[tokio::test(start_paused = true)]
    async fn report_only_and_clients_without_an_address_are_not_refused() {
        let report_only = HandshakeRateLayer::per_second(1).per_client_ip().report_only();
        for (layer, address) in [
            (report_only, HERE),
            (HandshakeRateLayer::per_second(1), None),
            (HandshakeRateLayer::per_second(1).per_client_ip(), None),
            (HandshakeRateLayer::per_second(1).per_key(|_| None::<String>), HERE),
        ] {
            let mut server = server(&layer);
            for _ in 0..10 {
                assert_eq!(server.ask(address, "bad").await, 401, "{layer:?}");
            }
        }
    }
}
