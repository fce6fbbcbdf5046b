//! Requests beside a socket: the whole stack around a router that also holds an API.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::{
    Extension, Router,
    body::{Body, to_bytes},
    extract::{Request, ws::WebSocketUpgrade},
    middleware::map_request,
    routing::{any, get, post},
};
use http::{
    HeaderValue, Method, Response, StatusCode,
    header::{AUTHORIZATION, CONTENT_TYPE},
};
use interop::{
    pipe::{self, text},
    wire::serve,
};
use portcullis_close::CloseLayer;
use portcullis_core::identity::Subject;
use portcullis_jwt::{Claims, JwtLayer, Session, TokenError, TokenMessage, Verification, Verified, Verify};
use portcullis_origin::OriginLayer;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tower::ServiceExt;
use tower_http::cors::CorsLayer;

const APP: &str = "https://app.example";

/// Accepts names that begin with a small letter.
#[derive(Clone)]
struct Names;

impl Verify<String> for Names {
    fn verify(&self, token: &str) -> Verification<String> {
        let known = token.starts_with(|first: char| first.is_ascii_lowercase());
        let mut verified = Verified::new(token.to_owned());
        verified.subject = Some(Subject::new(token));
        Verification::ready(if known { Ok(verified) } else { Err(TokenError::Invalid("not a name")) })
    }
}

fn routes() -> Router {
    let ws = any(async |upgrade: WebSocketUpgrade, Claims(name): Claims<String>| {
        upgrade.on_upgrade(async move |mut socket| drop(socket.send(name.into()).await))
    });
    let subject = get(async |Extension(subject): Extension<Subject>| subject.as_str().to_owned());
    let session = post(async |session: Session<String>| format!("{:?}", session.subject().unwrap().as_str()));
    let maybe = get(async |claims: Option<Claims<String>>| format!("{claims:?}"));
    let claims = async |Claims(name): Claims<String>| name;
    Router::new()
        .route("/ws", ws)
        .route("/claims", get(claims).post(claims).delete(claims))
        .route("/subject", subject)
        .route("/session", session)
        .route("/maybe", maybe)
}

/// Everything, and outside of it what answers preflights.
fn app() -> Router {
    let origins = OriginLayer::new([APP]).unwrap().plain_requests();
    let cors = CorsLayer::new()
        .allow_origin(HeaderValue::from_static(APP))
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([AUTHORIZATION, CONTENT_TYPE])
        .allow_credentials(true);
    let tokens = JwtLayer::new(Names).bearer().subprotocol("bearer").cookie("session", &origins);
    routes().layer(tokens).layer(origins).layer(CloseLayer::new()).layer(cors)
}

async fn ask(app: &Router, method: &str, path: &str, headers: &[(&str, &str)]) -> Response<String> {
    let mut request = Request::builder().method(method).uri(path).header("host", "api.example");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    Response::from_parts(parts, String::from_utf8(to_bytes(body, 4096).await.unwrap().to_vec()).unwrap())
}

const ALICE: (&str, &str) = ("authorization", "Bearer alice");
const MALLORY: (&str, &str) = ("authorization", "Bearer MALLORY");
const COOKIE: (&str, &str) = ("cookie", "theme=dark; session=alice");
const OWN: (&str, &str) = ("origin", APP);
const EVIL: (&str, &str) = ("origin", "https://evil.example");

#[tokio::test(start_paused = true)]
async fn a_route_beside_the_socket_is_not_open() {
    let app = app();
    for (method, path, headers, status, body) in [
        ("GET", "/claims", &[][..], 401, "token missing"),
        ("GET", "/claims", &[ALICE], 200, "alice"),
        ("GET", "/claims", &[MALLORY], 401, "invalid token: not a name"),
        ("GET", "/claims", &[COOKIE], 200, "alice"),
        ("GET", "/subject", &[ALICE], 200, "alice"),
        ("GET", "/maybe", &[], 401, "token missing"),
        ("GET", "/maybe", &[ALICE], 200, "Some(Claims(\"alice\"))"),
        ("GET", "/nowhere", &[], 401, "token missing"),
        ("GET", "/nowhere", &[ALICE], 404, ""),
        ("POST", "/session", &[], 401, "token missing"),
        ("POST", "/session", &[ALICE], 200, "\"alice\""),
        ("POST", "/session", &[COOKIE, OWN], 200, "\"alice\""),
        ("POST", "/session", &[COOKIE, EVIL], 403, "is not allowed"),
        ("POST", "/session", &[ALICE, EVIL], 403, "is not allowed"),
        ("POST", "/session", &[COOKIE], 403, "no Origin header"),
        ("POST", "/session", &[COOKIE, ("sec-fetch-site", "same-origin")], 200, "\"alice\""),
        // Nothing that a foreign page can send makes it a handshake; were it one, its origin is looked at all the same.
        ("POST", "/session", &[COOKIE, EVIL, ("sec-websocket-key", "x")], 403, "is not allowed"),
        ("POST", "/session", &[COOKIE, ("sec-websocket-key", "x")], 403, "no Origin header"),
        ("POST", "/session", &[COOKIE, OWN, ("sec-websocket-key", "x")], 200, "\"alice\""),
    ] {
        let response = ask(&app, method, path, headers).await;
        let said = (response.status().as_u16(), response.body().contains(body));
        assert_eq!(said, (status, true), "{method} {path} {headers:?}: {response:?}");
    }
    let mut socket = pipe::open(&app, "/ws", "authorization: Bearer alice\r\n").await;
    assert_eq!(socket.next().await, text("alice"));
}

#[tokio::test]
async fn preflights_are_answered_outside_and_refusals_can_be_read_by_the_page() {
    let app = app();
    let preflight = [OWN, ("access-control-request-method", "POST")];
    let answer = ask(&app, "OPTIONS", "/session", &preflight).await;
    assert_eq!((answer.status(), &answer.headers()["access-control-allow-origin"]), (StatusCode::OK, &own()));
    for (headers, status) in [(&[OWN][..], 401), (&[OWN, COOKIE], 200), (&[OWN, ALICE], 200)] {
        let answer = ask(&app, "POST", "/session", headers).await;
        assert_eq!((answer.status().as_u16(), &answer.headers()["access-control-allow-origin"]), (status, &own()));
    }
    // Without a layer that answers it, a preflight is a request like any other: it never has a cookie or a token.
    let bare = routes().layer(JwtLayer::new(Names).danger_cookie_of_any_page("session"));
    assert_eq!(ask(&bare, "OPTIONS", "/session", &preflight).await.status(), 401);
    assert_eq!(ask(&bare, "OPTIONS", "/session", &[OWN, COOKIE]).await.status(), 403);
}

fn own() -> HeaderValue {
    HeaderValue::from_static(APP)
}

#[tokio::test]
async fn a_cookie_that_only_reads_does_not_change_anything_by_another_name() {
    let delete = map_request(async |mut request: Request| {
        if request.uri().query() == Some("_method=DELETE") {
            *request.method_mut() = Method::DELETE;
        }
        request
    });
    // Inside of the layer, around the routing.
    let overridden = Router::new().fallback_service(tower::ServiceBuilder::new().layer(delete).service(routes()));
    let app = overridden.layer(JwtLayer::new(Names).bearer().danger_cookie_of_any_page("session"));
    for (path, header, status) in
        [("/claims", COOKIE, 200), ("/claims?_method=DELETE", COOKIE, 403), ("/claims?_method=DELETE", ALICE, 200)]
    {
        assert_eq!(ask(&app, "GET", path, &[header]).await.status(), status, "{path} {header:?}");
    }
}

#[tokio::test]
async fn an_extractor_without_its_layer_is_a_wiring_error() {
    struct Numbers;
    impl Verify<u32> for Numbers {
        fn verify(&self, _: &str) -> Verification<u32> {
            Verification::ready(Ok(Verified::new(7)))
        }
    }
    for (app, path, status) in [
        (routes(), "/claims", 500),
        (routes(), "/maybe", 500),
        (routes().layer(JwtLayer::new(Numbers)), "/claims", 500),
        (routes().layer(JwtLayer::new(Names).handshakes_only()), "/claims", 400),
        (routes().layer(JwtLayer::new(Names).optional()), "/claims", 200),
    ] {
        let response = ask(&app, "GET", path, &[ALICE]).await;
        assert_eq!(response.status(), status, "{path}");
        assert!(!response.headers().contains_key("connection"), "{path}");
    }
    let anonymous = routes().layer(JwtLayer::new(Names).optional());
    assert_eq!(ask(&anonymous, "GET", "/claims", &[]).await.status(), 401);
    assert_eq!(ask(&anonymous, "GET", "/maybe", &[]).await.body(), "None");
}

#[tokio::test]
async fn the_connection_of_a_refused_plain_request_goes_on_and_that_of_a_refused_handshake_ends() {
    let mut stream = TcpStream::connect(serve(app()).await).await.unwrap();
    for _ in 0..3 {
        let head = ask_on(&mut stream, "GET /claims HTTP/1.1\r\nhost: api.example\r\n\r\n").await;
        assert!(head.starts_with("http/1.1 401") && !head.contains("connection: close"), "{head}");
    }
    let handshake = "GET /ws HTTP/1.1\r\nhost: api.example\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
                     sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    let head = ask_on(&mut stream, handshake).await;
    assert!(head.starts_with("http/1.1 401") && head.contains("connection: close"), "{head}");
    assert_eq!(stream.read(&mut [0]).await.unwrap(), 0, "it has ended");
}

#[tokio::test]
async fn no_handler_runs_for_a_first_message_that_another_method_announces() {
    let runs = Arc::new(AtomicUsize::new(0));
    let count = runs.clone();
    let run = async move || {
        count.fetch_add(1, Ordering::Relaxed);
        "done"
    };
    let app =
        Router::new().route("/run", any(run)).layer(JwtLayer::new(Names).bearer().first_message(TokenMessage::raw()));
    let address = serve(app).await;
    // A handler reached by a `GET` may read, but the response is not shown to the page.
    for (method, reached) in [("POST", 0), ("DELETE", 0), ("HEAD", 0), ("PATCH", 0), ("GET", 1)] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!(
            "{method} /run HTTP/1.1\r\nhost: api.example\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 401") && !answer.contains("done"), "{method}: {answer}");
        assert_eq!(runs.load(Ordering::Relaxed), reached, "{method}");
    }
}

/// The head of the answer, in small letters; its body is read, too.
async fn ask_on(stream: &mut TcpStream, request: &str) -> String {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"token missing") {
        let mut part = [0; 1024];
        let read = stream.read(&mut part).await.unwrap();
        assert!(read > 0, "the connection ended after {:?}", String::from_utf8_lossy(&answer));
        answer.extend_from_slice(&part[..read]);
    }
    String::from_utf8(answer).unwrap().to_ascii_lowercase()
}
