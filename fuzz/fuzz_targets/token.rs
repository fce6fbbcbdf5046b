//! Hostile handshakes through the extraction of tokens: none panics, and nobody inside sees a token that was taken.
#![no_main]

use std::{
    convert::Infallible,
    future::Future,
    pin::pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
};

use http::{HeaderValue, Request, Response, Uri};
use libfuzzer_sys::fuzz_target;
use portcullis_jwt::{JwtLayer, Verification, Verified, Verify};
use tower::{Layer, Service, service_fn};

/// Accepts anything, and remembers it.
#[derive(Clone, Default)]
struct Anything(Arc<Mutex<Option<String>>>);

impl Verify<()> for Anything {
    fn verify(&self, token: &str) -> Verification<()> {
        *self.0.lock().unwrap() = Some(token.to_owned());
        Verification::ready(Ok(Verified::new(())))
    }
}

fuzz_target!(|input: &[u8]| {
    let mut lines = input.split(|byte| *byte == b'\n');
    let Some(Ok(uri)) = lines.next().map(|uri| Uri::try_from(uri)) else { return };
    let mut request = Request::new(());
    *request.uri_mut() = uri;
    request.headers_mut().insert("upgrade", HeaderValue::from_static("websocket"));
    for (at, line) in lines.take(8).enumerate() {
        let name = ["authorization", "cookie", "sec-websocket-protocol"][at % 3];
        if let Ok(value) = HeaderValue::from_bytes(line) {
            request.headers_mut().append(name, value);
        }
    }
    let seen = Anything::default();
    let layer = JwtLayer::new(seen.clone()).query("token").subprotocol("bearer").subprotocol_prefix("jwt.");
    let layer = layer.bearer().danger_cookie_of_any_page("session").optional();
    let inside = Arc::new(Mutex::new(None));
    let shown = inside.clone();
    let mut service = layer.layer(service_fn(move |request: Request<()>| {
        *shown.lock().unwrap() = Some(format!("{request:?}"));
        std::future::ready(Ok::<_, Infallible>(Response::new(())))
    }));
    let Poll::Ready(Ok(_)) = pin!(service.call(request)).poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("nothing is waited for");
    };
    // A short token may well be part of something else.
    if let (Some(token), Some(inside)) = (seen.0.lock().unwrap().take(), inside.lock().unwrap().take()) {
        let secret =
            token.len() > 64 && input.windows(token.len()).filter(|part| *part == token.as_bytes()).count() == 1;
        assert!(!secret || !inside.contains(&token), "{token} in {inside}");
    }
});
