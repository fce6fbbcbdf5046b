//! Requests that are not handshakes: which a foreign page may have forged.

use http::{Request, Response};
use portcullis_core::{csrf::CsrfChecked, refusal::Refusal};
use portcullis_origin::OriginLayer;
use tower::{Layer, ServiceExt, service_fn};

/// Whether the request came through with a proof, or the kind of the refusal.
async fn ask(layer: &OriginLayer, method: &str, headers: &[(&str, &str)]) -> Result<bool, &'static str> {
    let inner = service_fn(async |request: Request<()>| {
        Ok::<_, ()>(Response::new(request.extensions().get::<CsrfChecked>().is_some()))
    });
    let mut request = Request::builder().method(method).uri("/api").header("host", "api.example");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = layer.layer(inner).oneshot(request.body(()).unwrap()).await.unwrap();
    let Some(refusal) = response.extensions().get::<Refusal>() else { return Ok(*response.body()) };
    assert_eq!(response.status(), 403, "{method} {headers:?}");
    assert!(refusal.message().starts_with("The request was refused: "), "{}", refusal.message());
    assert!(!response.headers().contains_key("connection"), "the connection goes on: {method} {headers:?}");
    Err(refusal.kind().as_str())
}

fn layer() -> OriginLayer {
    OriginLayer::new(["https://app.example"]).unwrap().plain_requests()
}

const COOKIE: (&str, &str) = ("cookie", "session=alice");
const LISTED: (&str, &str) = ("origin", "https://app.example");
const EVIL: (&str, &str) = ("origin", "https://evil.example");
const FILE: (&str, &str) = ("origin", "file://");
const NULL: (&str, &str) = ("origin", "null");

fn site(site: &'static str) -> (&'static str, &'static str) {
    ("sec-fetch-site", site)
}

#[tokio::test]
async fn what_a_foreign_page_may_have_forged_is_refused() {
    for (headers, answer) in [
        (&[LISTED, COOKIE][..], Ok(true)),
        (&[EVIL, COOKIE], Err("origin_not_allowed")),
        (&[EVIL], Err("origin_not_allowed")),
        (&[LISTED, site("cross-site"), COOKIE], Ok(true)),
        (&[LISTED, site("same-site"), COOKIE], Ok(true)),
        (&[EVIL, site("cross-site"), COOKIE], Err("origin_not_allowed")),
        (&[("origin", "https://evil.api.example"), site("same-site"), COOKIE], Err("origin_not_allowed")),
        // What a browser does under a strict referrer policy.
        (&[NULL, site("same-origin"), COOKIE], Ok(true)),
        (&[NULL, COOKIE], Err("null_origin")),
        (&[NULL, site("cross-site"), COOKIE], Err("null_origin")),
        (&[site("same-origin"), COOKIE], Ok(true)),
        (&[site("none"), COOKIE], Ok(true)),
        (&[site("same-site"), COOKIE], Err("absent_origin")),
        (&[site("cross-site"), COOKIE], Err("absent_origin")),
        (&[site("cross-site")], Err("absent_origin")),
        (&[site("same-origin"), site("cross-site"), COOKIE], Err("absent_origin")),
        (&[COOKIE], Err("absent_origin")),
        (&[], Ok(true)),
        (&[LISTED, LISTED], Err("repeated_origin")),
        (&[LISTED, EVIL, COOKIE], Err("repeated_origin")),
        (&[("origin", "https://app.example/x"), COOKIE], Err("invalid_origin")),
        (&[("origin", "https://api.example"), COOKIE], Ok(true)),
        (&[("origin", "https://api.example"), site("cross-site"), COOKIE], Err("origin_not_allowed")),
        (&[("origin", "https://api.example:444"), COOKIE], Err("origin_not_allowed")),
    ] {
        for method in ["POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "post", "get", "PROPFIND"] {
            assert_eq!(ask(&layer(), method, headers).await, answer, "{method} {headers:?}");
        }
    }
}

#[tokio::test]
async fn safe_methods_pass_without_a_proof() {
    for method in ["GET", "HEAD", "OPTIONS"] {
        for headers in [&[LISTED][..], &[EVIL, COOKIE], &[site("same-origin"), COOKIE], &[]] {
            assert_eq!(ask(&layer(), method, headers).await, Ok(false), "{method} {headers:?}");
        }
    }
}

#[tokio::test]
async fn settings_for_handshakes_hold_for_plain_requests() {
    let listed = || OriginLayer::new(["https://app.example"]).unwrap();
    for (layer, headers, answer) in [
        (listed().allow_absent(), &[COOKIE][..], Ok(true)),
        (listed().allow_absent(), &[site("cross-site"), COOKIE], Err("absent_origin")),
        (listed().deny_absent(), &[], Err("absent_origin")),
        (listed().allow_null(), &[NULL, COOKIE], Ok(true)),
        (listed().allow_null(), &[FILE, COOKIE], Err("file_origin")),
        (listed().allow_file(), &[FILE, COOKIE], Ok(true)),
        (listed().allow_file(), &[NULL, COOKIE], Err("null_origin")),
        (OriginLayer::same_origin(), &[("origin", "https://api.example"), COOKIE], Ok(true)),
        (OriginLayer::same_origin().scheme("https").unwrap(), &[("origin", "http://api.example")], Err(NOT_ALLOWED)),
        (OriginLayer::same_origin(), &[LISTED], Err(NOT_ALLOWED)),
        (listed().hosts(["other.example"]).unwrap(), &[site("same-origin")], Err("host_not_allowed")),
        (listed().allow_if(|origin, _| origin.host() == "evil.example"), &[EVIL, COOKIE], Ok(true)),
    ] {
        for layer in [layer.clone().plain_requests(), layer.plain_requests().plain_requests()] {
            assert_eq!(ask(&layer, "POST", headers).await, answer, "{layer:?} {headers:?}");
        }
    }
}

const NOT_ALLOWED: &str = "origin_not_allowed";

#[tokio::test]
async fn where_any_page_may_send_anything_nothing_is_proven() {
    let any = OriginLayer::danger_any().plain_requests();
    for (headers, answer) in [
        (&[EVIL, COOKIE][..], Ok(false)),
        (&[EVIL, site("cross-site"), COOKIE], Ok(false)),
        (&[NULL, COOKIE], Ok(false)),
        (&[FILE, COOKIE], Ok(false)),
        (&[("origin", "https://api.example"), COOKIE], Ok(false)),
        (&[site("same-origin"), COOKIE], Ok(false)),
        (&[], Ok(false)),
        (&[COOKIE], Err("absent_origin")),
        (&[EVIL, EVIL], Err("repeated_origin")),
        (&[("origin", "https://a/b")], Err("invalid_origin")),
    ] {
        assert_eq!(ask(&any, "POST", headers).await, answer, "{headers:?}");
    }
}

#[tokio::test]
async fn on_report_only_and_without_the_setting_nothing_is_refused_and_nothing_proven() {
    let unchecked = OriginLayer::new(["https://app.example"]).unwrap();
    for layer in [unchecked.clone(), layer().report_only(), unchecked.report_only().plain_requests()] {
        for headers in [&[LISTED, COOKIE][..], &[EVIL, COOKIE], &[site("same-origin")]] {
            assert_eq!(ask(&layer, "POST", headers).await, Ok(false), "{layer:?} {headers:?}");
        }
    }
}
