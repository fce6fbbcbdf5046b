//! Which requests are admitted: none without an authorizer, and none from a page of another site.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use axum::Router;
use http::{Request, StatusCode};
use portcullis_console::{Console, Operator};
use portcullis_core::{Connections, Decision};
use portcullis_origin::OriginLayer;
use tower::ServiceExt;

use crate::ask::{action, answer, connect, get, json, open, post};

/// What an operator may see, and an action.
const SERVED: [(&str, &str); 8] = [
    ("GET", "/"),
    ("GET", "/app.js"),
    ("GET", "/api/summary"),
    ("GET", "/api/connections"),
    ("GET", "/api/refusals"),
    ("GET", "/api/limits"),
    ("GET", "/api/events"),
    ("POST", "/api/close"),
];

#[tokio::test]
async fn a_request_that_the_authorizer_rejects_sees_nothing() {
    let connections = Connections::new();
    let (_alice, _client) = connect(&connections, "alice", [192, 0, 2, 1]);
    let console = Console::new(connections.clone()).allow_actions();
    let console = console.authorize(|parts| parts.headers.get("x-user").map(|_| Operator::new("olga")));
    let others = [("GET", "/nowhere"), ("POST", "/api/revoke"), ("POST", "/api/drain"), ("OPTIONS", "/")];
    for (method, path) in SERVED.into_iter().chain(others) {
        let request = action(path).method(method);
        let (status, body) = json(answer(&console, request, r#"{"client_ip": "192.0.2.1"}"#).await).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{method} {path}");
        assert_eq!(body.to_string(), r#"{"error":"you may not see this console"}"#, "{method} {path}");
    }
    let known = answer(&console, Request::get("/").header("x-user", "olga"), "").await;
    assert_eq!(known.status(), StatusCode::OK);
    assert_eq!(connections.count(), 1);
}

#[tokio::test]
async fn an_authorizer_may_be_asynchronous() {
    let console = Console::new(Connections::new()).authorize_later(|_| {
        Decision::wait(async {
            tokio::task::yield_now().await;
            Some(Operator::new("olga"))
        })
    });
    assert_eq!(get(&console, "/api/summary").await["operator"], "olga");
}

#[tokio::test]
async fn a_console_is_read_only_unless_actions_are_allowed() {
    let connections = Connections::new();
    let (alice, _client) = connect(&connections, "alice", [192, 0, 2, 1]);
    let body = format!(r#"{{"connection": "{}"}}"#, alice.id());
    let looks = Console::new(connections.clone()).authorize(|_| Some(Operator::new("olga")));
    let looks_too = Console::new(connections.clone()).allow_actions();
    let looks_too = looks_too.authorize(|_| Some(Operator::new("trainee").read_only()));
    for console in [looks, looks_too] {
        assert_eq!(get(&console, "/api/summary").await["may"].as_array().unwrap().len(), 0);
        for path in ["/api/close", "/api/revoke", "/api/drain"] {
            assert_eq!(post(&console, path, &body).await.0, StatusCode::FORBIDDEN, "{path}");
        }
    }
    assert_eq!(connections.count(), 1);
    assert_eq!(post(&open(&connections), "/api/close", &body).await.0, StatusCode::OK, "the body is good");
}

#[tokio::test]
async fn a_page_of_another_site_cannot_act() {
    let connections = Connections::new();
    let (_alice, _client) = connect(&connections, "alice", [192, 0, 2, 1]);
    let console = open(&connections);
    let own = "https://console.example";
    for (headers, status) in [
        // What browsers send for a page of another site, or of another origin of the same site.
        (&[("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")][..], 403),
        (&[("origin", "https://chat.console.example"), ("sec-fetch-site", "same-site")], 403),
        (&[("origin", "null"), ("sec-fetch-site", "cross-site")], 403),
        // Old browsers send no `Sec-Fetch-Site`.
        (&[("origin", "https://evil.example")], 403),
        (&[("origin", "https://console.example.evil.example")], 403),
        (&[("origin", "null")], 403),
        (&[("cookie", "session=1")], 403),
        // What a form can send without a preflight, even one of the own origin.
        (&[("origin", own), ("sec-fetch-site", "same-origin"), ("content-type", "text/plain")], 415),
        (&[("origin", own), ("content-type", "application/x-www-form-urlencoded")], 415),
    ] {
        let mut request = Request::post("/api/close").header("host", "console.example");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if !headers.iter().any(|(name, _)| *name == "content-type") {
            request = request.header("content-type", "application/json");
        }
        let answered = answer(&console, request, r#"{"subject": "alice"}"#).await;
        assert_eq!(answered.status(), status, "{headers:?}");
        assert!(!answered.headers().contains_key("access-control-allow-origin"));
    }
    for site in ["cross-site", "same-site"] {
        let foreign = answer(&console, Request::get("/api/events").header("sec-fetch-site", site), "").await;
        assert_eq!(foreign.status(), StatusCode::FORBIDDEN, "it would use up a viewer's place");
    }
    assert_eq!(connections.count(), 1);
    // An operator's script is not a browser.
    let script =
        Request::post("/api/close").header("host", "console.example").header("content-type", "application/json");
    assert_eq!(answer(&console, script, r#"{"subject": "alice"}"#).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn the_origin_of_the_page_can_be_configured_behind_a_proxy() {
    let connections = Connections::new();
    let console = open(&connections).origin(OriginLayer::new(["https://admin.example"]).unwrap());
    let ask = |origin| {
        let request = Request::post("/api/close").header("host", "10.0.0.7").header("content-type", "application/json");
        answer(&console, request.header("origin", origin), r#"{"subject": "alice"}"#)
    };
    assert_eq!(ask("https://admin.example").await.status(), StatusCode::OK);
    assert_eq!(ask("https://evil.example").await.status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn requests_for_hosts_that_are_not_listed_are_refused() {
    let connections = Connections::new();
    let (_alice, _client) = connect(&connections, "alice", [192, 0, 2, 1]);
    let console = open(&connections).origin(OriginLayer::same_origin().hosts(["localhost"]).unwrap());
    for (host, status) in [("localhost:3000", StatusCode::OK), ("evil.example:3000", StatusCode::FORBIDDEN)] {
        for (method, path) in SERVED {
            // To the browser this is a request of the same origin.
            let request = Request::builder().method(method).uri(path).header("host", host);
            let request = request.header("origin", format!("http://{host}")).header("content-type", "application/json");
            let answered = answer(&console, request, r#"{"client_ip": "192.0.2.2"}"#).await;
            assert_eq!(answered.status(), status, "{method} {path} of {host}");
        }
    }
}

#[tokio::test]
async fn every_response_is_isolated() {
    let console = open(&Connections::new());
    for path in ["/", "/app.js", "/api/summary", "/nowhere"] {
        let response = answer(&console, Request::get(path), "").await;
        let header = |name| response.headers().get(name).unwrap_or_else(|| panic!("{path}: {name}")).to_str().unwrap();
        let policy = header("content-security-policy");
        for rule in ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"] {
            assert!(policy.contains(rule), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("cache-control"), "no-store");
    }
    let wrong = answer(&console, Request::get("/api/close"), "").await;
    assert_eq!((wrong.status(), wrong.headers()["allow"].to_str().unwrap()), (StatusCode::METHOD_NOT_ALLOWED, "POST"));
}

#[tokio::test]
async fn a_nested_page_is_redirected_to_a_trailing_slash() {
    let asked = Arc::new(AtomicBool::new(false));
    let seen = asked.clone();
    let console = Console::new(Connections::new()).authorize(move |_| {
        seen.store(true, Ordering::Relaxed);
        Some(Operator::new("olga"))
    });
    let fixed: Router = Router::new().nest_service("/a/console", console.clone());
    let tenants: Router = Router::new().nest_service("/{tenant}/console", console.clone());
    let hostile: Router = Router::new().nest_service("/{tenant}", console);
    let to = |app: &Router, path: &str| {
        let asked = app.clone().oneshot(Request::get(path).body(axum::body::Body::empty()).unwrap());
        async move { asked.await.unwrap().headers().get("location").map(|to| to.to_str().unwrap().to_owned()) }
    };
    // Whatever the path, the redirect stays below the same folder.
    assert_eq!(to(&hostile, "/https:evil.example").await.as_deref(), Some("./https:evil.example/"));
    for app in [fixed, tenants] {
        for (path, status, to) in [
            ("/a/console", 308, Some("./console/")),
            ("/a/console/", 200, None),
            ("/a/console/app.js", 200, None),
            ("/a/console/api/summary", 200, None),
            ("/a/console/nowhere", 404, None),
        ] {
            let request = Request::get(path).body(axum::body::Body::empty()).unwrap();
            let response = app.clone().oneshot(request).await.unwrap();
            assert_eq!(response.status(), status, "{path}");
            assert_eq!(response.headers().get("location").map(|to| to.to_str().unwrap()), to, "{path}");
        }
    }
    assert!(asked.load(Ordering::Relaxed));
}
