//! Sessions over their whole life, on a paused clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::{
    Router,
    body::Body,
    extract::{
        OriginalUri, Request,
        ws::{Message, WebSocket, WebSocketUpgrade},
    },
    response::Response,
    routing::any,
};
use http::StatusCode;
use interop::pipe::{self, Client, answer, closed, text};
use portcullis_close::CloseLayer;
use portcullis_core::{CloseCode, CloseFrame, Connection, identity::Subject, testing::Clock};
use portcullis_jwt::{
    Claims, JwtLayer, Revocations, Session, TokenError, TokenId, TokenMessage, Verification, Verified, Verify,
};
use portcullis_origin::OriginLayer;
use tokio::time::{Instant, sleep};
use tower::ServiceExt;

/// Tokens such as `alice/60/7`: a name, when they expire in seconds from the beginning, and their own name.
#[derive(Clone)]
struct Names {
    clock: Clock,
}

const BEGINNING: SystemTime = UNIX_EPOCH;

impl Names {
    fn new() -> Self {
        Self { clock: Clock::at(BEGINNING) }
    }

    fn judge(&self, token: &str) -> Result<Verified<String>, TokenError> {
        let invalid = TokenError::Invalid("not a name");
        let mut parts = token.split('/');
        let (name, expiry) = (parts.next().ok_or(invalid)?, parts.next().ok_or(invalid)?);
        let mut verified = Verified::new(name.to_owned());
        verified.subject = (!name.is_empty()).then(|| Subject::new(name));
        verified.issued_at = Some(SystemTime::now());
        if expiry != "never" {
            let expires_at = BEGINNING + Duration::from_secs(expiry.parse().map_err(|_| invalid)?);
            if expires_at <= self.clock.now() {
                return Err(TokenError::Expired);
            }
            verified.expires_at = Some(expires_at);
        }
        verified.id = parts.next().map(TokenId::from);
        Ok(verified)
    }
}

impl Verify<String> for Names {
    fn verify(&self, token: &str) -> Verification<String> {
        let result = self.judge(token);
        if !token.starts_with("slow") {
            return Verification::ready(result);
        }
        Verification::wait(async move {
            sleep(Duration::from_secs(1)).await;
            result
        })
    }

    fn now(&self) -> SystemTime {
        self.clock.now()
    }
}

/// Echoes; `renew <token>` renews the session, `busy` does not touch the socket for an hour.
async fn handle(mut socket: WebSocket, session: Session<String>) {
    while let Some(Ok(message)) = socket.recv().await {
        let Ok(text) = message.to_text() else { return };
        let answer = match text.split_once(' ') {
            Some(("renew", token)) => match session.renew(token).await {
                Ok(ends) => format!("{:?}", ends.unwrap().duration_since(BEGINNING).unwrap().as_secs()),
                Err(error) => error.to_string(),
            },
            Some(("who", _)) => format!("{:?}", session.claims()),
            _ if text == "busy" => {
                sleep(Duration::from_hours(1)).await;
                return;
            }
            _ => text.to_owned(),
        };
        if socket.send(Message::text(answer)).await.is_err() {
            return;
        }
    }
}

fn app(layer: JwtLayer<String>) -> Router {
    let upgrade = any(async |upgrade: WebSocketUpgrade, session: Session<String>| {
        let response: Response = upgrade.protocols(["chat"]).on_upgrade(|socket| handle(socket, session));
        response
    });
    let shown = any(async |uri: OriginalUri, request: Request| format!("{} {:?}", uri.0, request));
    let claims = any(async |upgrade: WebSocketUpgrade, Claims(name): Claims<String>| {
        upgrade.on_upgrade(async move |mut socket| drop(socket.send(Message::text(name)).await))
    });
    let maybe = any(async |upgrade: WebSocketUpgrade, name: Option<Claims<String>>| {
        upgrade.on_upgrade(async move |mut socket| drop(socket.send(Message::text(format!("{name:?}"))).await))
    });
    let router = Router::new().route("/ws", upgrade).route("/shown", shown);
    router.route("/claims", claims).route("/maybe", maybe).layer(layer)
}

fn layer() -> JwtLayer<String> {
    JwtLayer::new(Names::new())
}

async fn open(app: &Router, token: &str) -> Client {
    pipe::open(app, "/ws", &format!("authorization: Bearer {token}\r\n")).await
}

async fn status(app: &Router, headers: &str) -> StatusCode {
    pipe::status(app, "/ws", headers).await
}

#[tokio::test(start_paused = true)]
async fn the_end_comes_when_it_is_due_and_a_busy_handler_does_not_keep_it() {
    for (message, grace) in [("idle", 0), ("busy", 0), ("idle", 7)] {
        let app = app(layer().grace(Duration::from_secs(grace)));
        let mut pipe = open(&app, "alice/100").await;
        let began = Instant::now();
        pipe.send_text(message).await.unwrap();
        if message == "idle" {
            assert_eq!(pipe.next().await, text(message));
        }
        assert_eq!(pipe.next().await, closed(3000, "token expired"));
        let due = Duration::from_secs(100 + grace);
        let took = began.elapsed();
        assert!(took >= due && took < due + Duration::from_secs(2), "{message}: {took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_jumps_is_noticed_within_a_minute() {
    let names = Names::new();
    let app = app(JwtLayer::new(names.clone()));
    let mut pipe = open(&app, "alice/86400").await;
    sleep(Duration::from_secs(30)).await;
    names.clock.set(names.clock.now() + Duration::from_hours(24));
    let began = Instant::now();
    assert_eq!(pipe.next().await, closed(3000, "token expired"));
    assert!(began.elapsed() < Duration::from_secs(62));
}

#[tokio::test(start_paused = true)]
async fn a_far_future_is_far() {
    for token in ["alice/never", "alice/253402300799"] {
        let mut pipe = open(&app(layer()), token).await;
        sleep(Duration::from_hours(7 * 24)).await;
        pipe.send_text("still here").await.unwrap();
        assert_eq!(pipe.next().await, text("still here"), "{token}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_is_renewed_for_the_same_subject_and_only_forward() {
    let mut pipe = open(&app(layer()), "alice/100").await;
    for (token, answer) in [
        ("alice/200", "200"),
        ("alice/150", "200"),
        ("bob/900", "forbidden: not a token of the same subject"),
        ("nonsense", "invalid token: not a name"),
        ("slow/300", "forbidden: not a token of the same subject"),
    ] {
        pipe.send_text(&format!("renew {token}")).await.unwrap();
        assert_eq!(pipe.next().await, text(answer), "{token}");
    }
    let began = Instant::now();
    assert_eq!(pipe.next().await, closed(3000, "token expired"));
    assert!(began.elapsed() > Duration::from_secs(190));
}

#[tokio::test(start_paused = true)]
async fn a_session_without_a_subject_is_not_renewed() {
    let mut pipe = open(&app(layer()), "/100").await;
    pipe.send_text("renew /900").await.unwrap();
    assert_eq!(pipe.next().await, text("forbidden: not a token of the same subject"));
    assert_eq!(pipe.next().await, closed(3000, "token expired"));
}

#[tokio::test(start_paused = true)]
async fn a_revoked_session_is_closed_and_cannot_reconnect() {
    let revocations = Revocations::new();
    let app = app(layer().revocations(revocations.clone()));
    let (mut alice, mut busy) = (open(&app, "alice/100/7").await, open(&app, "alice/100/8").await);
    let mut bob = open(&app, "bob/100/9").await;
    busy.send_text("busy").await.unwrap();
    assert_eq!(revocations.revoke_id("7").here(), 1);
    assert_eq!(alice.next().await, closed(3000, "token revoked"));
    drop(alice);
    assert_eq!(status(&app, "authorization: Bearer alice/100/7\r\n").await, 401);
    revocations.revoke_subject(&Subject::new("alice")).here();
    assert_eq!(busy.next().await, closed(3000, "token revoked"), "a busy handler is no excuse");
    bob.send_text("still here").await.unwrap();
    assert_eq!(bob.next().await, text("still here"));
}

#[tokio::test(start_paused = true)]
async fn sessions_issued_before_are_closed_and_later_ones_are_not() {
    let revocations = Revocations::new();
    let app = app(layer().optional().revocations(revocations.clone()));
    let (mut nameless, mut alice) = (open(&app, "alice/100").await, open(&app, "alice/100/7").await);
    let mut anonymous = pipe::open(&app, "/ws", "").await;
    assert_eq!(revocations.revoke_issued_before(SystemTime::now() - Duration::from_secs(100)).here(), 0);
    assert_eq!(revocations.revoke_issued_before(SystemTime::now()).here(), 2);
    assert_eq!(nameless.next().await, closed(3000, "token revoked"));
    assert_eq!(alice.next().await, closed(3000, "token revoked"));
    let mut since = open(&app, "alice/100").await;
    for pipe in [&mut anonymous, &mut since] {
        pipe.send_text("still here").await.unwrap();
        assert_eq!(pipe.next().await, text("still here"));
    }
}

#[tokio::test(start_paused = true)]
async fn each_failure_has_its_status_and_its_challenge() {
    let app = app(layer().authorize(|name| name != "mallory"));
    let challenge = |error| format!("Bearer error=\"{error}\"");
    for (headers, status, challenge) in [
        ("", 401, "Bearer".to_owned()),
        ("authorization: Bearer nonsense\r\n", 401, challenge("invalid_token")),
        ("authorization: Bearer alice/0\r\n", 401, challenge("invalid_token")),
        ("authorization: Bearer a\r\nauthorization: Bearer a\r\n", 400, challenge("invalid_request")),
        ("authorization: Bearer mallory/100\r\n", 403, challenge("insufficient_scope")),
    ] {
        let refused = answer(&app, "/ws", headers).await;
        assert_eq!(refused.status(), status, "{headers}");
        assert_eq!(refused.headers()["www-authenticate"], challenge, "{headers}");
    }
}

/// Accepts anything but a token longer than it was promised.
struct Short;

impl Verify<String> for Short {
    fn verify(&self, token: &str) -> Verification<String> {
        assert!(token.len() <= 8 * 1024, "{} bytes", token.len());
        let mut verified = Verified::new(String::new());
        verified.subject = Some(Subject::new("any"));
        Verification::ready(Ok(verified))
    }
}

#[tokio::test(start_paused = true)]
async fn a_long_token_never_reaches_the_verifier() {
    let first = TokenMessage::raw().max_bytes(64 * 1024);
    let app = app(JwtLayer::new(Short).bearer().first_message(first));
    let (fine, long) = ("a".repeat(8 * 1024), "a".repeat(8 * 1024 + 1));
    assert_eq!(status(&app, &format!("authorization: Bearer {long}\r\n")).await, 401);
    let mut pipe = open(&app, &fine).await;
    pipe.send_text(&format!("renew {long}")).await.unwrap();
    assert_eq!(pipe.next().await, text("invalid token: too long"));
    let mut pipe = pipe::open(&app, "/ws", "").await;
    pipe.send_text(&long).await.unwrap();
    assert_eq!(pipe.next().await, closed(3000, "invalid token: too long"));
}

#[tokio::test(start_paused = true)]
async fn a_page_gets_the_reason_in_a_close_frame() {
    let app = app(layer().subprotocol("bearer").authorize(|name| name != "mallory")).layer(CloseLayer::new());
    for (token, close) in [
        ("nonsense", closed(3000, "invalid token: not a name")),
        ("alice%2f0", closed(3000, "invalid token: not a name")),
        ("mallory/100", closed(3003, "forbidden: the claims do not allow this")),
        ("alice/0", closed(3000, "token expired")),
    ] {
        let mut pipe = pipe::open(&app, "/ws", &format!("sec-websocket-protocol: bearer, {token}\r\n")).await;
        assert_eq!(pipe.response().headers()["sec-websocket-protocol"], "bearer");
        assert_eq!(pipe.next().await, close);
    }
}

#[tokio::test(start_paused = true)]
async fn the_handlers_choice_of_subprotocol_stands_and_else_the_marker_is_selected() {
    let app = app(layer().subprotocol("bearer").subprotocol_prefix("jwt."));
    for (offer, selected) in [
        ("bearer, alice/100", "bearer"),
        ("chat, bearer, alice/100", "chat"),
        ("bearer, alice/100, other", "bearer"),
        ("jwt.YWxpY2UvMTAw, chat", "chat"),
    ] {
        let pipe = pipe::open(&app, "/ws", &format!("sec-websocket-protocol: {offer}\r\n")).await;
        let headers = pipe.response().headers();
        assert_eq!(headers["sec-websocket-protocol"], selected, "{offer}");
        let shown = format!("{headers:?}").to_ascii_lowercase();
        assert!(!shown.contains("alice") && !shown.contains("ywxp"), "never echoed: {shown}");
    }
}

#[tokio::test(start_paused = true)]
async fn inner_services_do_not_see_the_token() {
    let all = layer().query("token").subprotocol("bearer").bearer().danger_cookie_of_any_page("session");
    let app = app(all);
    let headers =
        "sec-websocket-protocol: bearer, alice/101\r\nauthorization: Bearer alice/102\r\ncookie: session=alice/103\r\n";
    let shown = answer(&app, "/shown?a=b&token=alice%2f100", headers).await;
    assert_eq!(shown.status(), 200);
    let body = str::from_utf8(shown.body()).unwrap();
    assert!(body.starts_with("/shown?a=b "), "{body}");
    for token in ["alice/100", "alice%2f100", "alice/101", "alice/102", "alice/103"] {
        assert!(!body.contains(token), "{token} in {body}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_ticket_is_good_for_one_handshake() {
    let app = app(layer().single_use(100).handshakes_only());
    let ask = || status(&app, "authorization: Bearer slow/100/ticket\r\n");
    let (one, other) = tokio::join!(ask(), ask());
    let mut statuses = [one, other];
    statuses.sort_unstable();
    assert_eq!(statuses, [StatusCode::SWITCHING_PROTOCOLS, StatusCode::UNAUTHORIZED]);
    assert_eq!(status(&app, "authorization: Bearer alice/100\r\n").await, 401, "without a name");
    assert_eq!(status(&app, "authorization: Bearer alice/never/1\r\n").await, 401, "without an end");
}

#[tokio::test(start_paused = true)]
async fn optional_admits_anonymous_clients_but_no_bad_tokens() {
    let app = app(layer().optional());
    let mut anonymous = pipe::open(&app, "/maybe", "").await;
    assert_eq!(anonymous.next().await, text("None"));
    let mut alice = pipe::open(&app, "/maybe", "authorization: Bearer alice/9\r\n").await;
    assert_eq!(alice.next().await, text("Some(Claims(\"alice\"))"));
    assert_eq!(answer(&app, "/maybe", "authorization: Bearer nonsense\r\n").await.status(), 401);
    assert_eq!(answer(&app, "/claims", "").await.status(), 401);
}

#[tokio::test(start_paused = true)]
async fn report_only_refuses_and_closes_nothing() {
    let app = app(layer().report_only());
    let mut pipe = pipe::open(&app, "/maybe", "authorization: Bearer nonsense\r\n").await;
    assert_eq!(pipe.next().await, text("None"));
    let mut pipe = open(&app, "alice/100").await;
    sleep(Duration::from_secs(1000)).await;
    pipe.send_text("who are you").await.unwrap();
    assert_eq!(pipe.next().await, text("Some(\"alice\")"));
}

#[tokio::test(start_paused = true)]
async fn a_missing_layer_is_logged_and_shown_to_the_client_only_in_debug_builds() {
    let upgrade = any(async |_: WebSocketUpgrade, _: Session<String>| "never");
    let claims = any(async |_: WebSocketUpgrade, _: Claims<String>| "never");
    let app = Router::new().route("/session", upgrade).route("/claims", claims);
    for path in ["/session", "/claims"] {
        let refused = answer(&app, path, "").await;
        let silent = refused.body().is_empty();
        assert_eq!((refused.status().as_u16(), silent), (500, !cfg!(debug_assertions)), "{path}: {refused:?}");
    }
}

#[tokio::test]
async fn a_layer_for_handshakes_alone_makes_a_plain_request_the_clients_fault() {
    let session = any(async |_: Session<String>| "never");
    let claims = any(async |_: Claims<String>| "never");
    let maybe = any(async |_: Option<Claims<String>>| "never");
    let app = Router::new().route("/session", session).route("/claims", claims).route("/maybe", maybe);
    let app = app.layer(layer().handshakes_only());
    for path in ["/session", "/claims", "/maybe"] {
        let response = app.clone().oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.status(), 400, "{path}");
    }
}

mod first_message {
    use super::*;

    fn first() -> JwtLayer<String> {
        layer().bearer().first_message(TokenMessage::json("/payload/token").answer("welcome"))
    }

    async fn waiting(app: &Router) -> Client {
        pipe::open(app, "/ws", "").await
    }

    #[tokio::test(start_paused = true)]
    async fn authenticates_and_what_follows_reaches_the_handler() {
        for name in ["alice", "slow"] {
            let mut pipe = waiting(&app(first())).await;
            pipe.send_text(&format!(r#"{{"type":"init","payload":{{"token":"{name}/100"}}}}"#)).await.unwrap();
            pipe.send_text("who are you").await.unwrap();
            assert_eq!(pipe.next().await, text("welcome"));
            assert_eq!(pipe.next().await, text(&format!("Some({name:?})")));
            assert_eq!(pipe.next().await, closed(3000, "token expired"));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn refuses_with_a_close_frame() {
        for (message, close) in [
            ("{}", closed(3000, "token missing")),
            ("token", closed(3000, "malformed token: the first message is not JSON")),
            (
                r#"{"payload":{"token":7}}"#,
                closed(3000, "malformed token: the token of the first message is not a string"),
            ),
            (r#"{"payload":{"token":"nonsense"}}"#, closed(3000, "invalid token: not a name")),
            (r#"{"payload":{"token":"alice/0"}}"#, closed(3000, "token expired")),
            (&*"x".repeat(8193), closed(1009, "first message too big")),
        ] {
            let mut pipe = waiting(&app(first())).await;
            pipe.send_text(message).await.unwrap();
            assert_eq!(pipe.next().await, close, "{message}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn is_waited_for_ten_seconds() {
        let mut pipe = waiting(&app(first())).await;
        let began = Instant::now();
        assert_eq!(pipe.next().await, closed(3000, "token missing"));
        assert_eq!(began.elapsed().as_secs(), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn reaches_the_handler_where_it_is_forwarded() {
        let first = TokenMessage::json("/payload/token").forward();
        let init = r#"{"type":"init","payload":{"token":"alice/100"}}"#;
        let mut pipe = waiting(&app(layer().bearer().first_message(first.clone()))).await;
        pipe.send_text(init).await.unwrap();
        pipe.send_text("who are you").await.unwrap();
        assert_eq!(pipe.next().await, text(init));
        assert_eq!(pipe.next().await, text("Some(\"alice\")"));
        let mut pipe = waiting(&app(layer().bearer().first_message(first))).await;
        pipe.send_text("{}").await.unwrap();
        assert_eq!(pipe.next().await, closed(3000, "token missing"));
    }

    #[tokio::test(start_paused = true)]
    async fn closes_with_the_codes_of_another_protocol() {
        let frame = |code: u16| CloseFrame::new(CloseCode::new(code).unwrap(), "");
        let code = move |error| match error {
            TokenError::Missing => 4401,
            TokenError::Malformed(_) => 4400,
            _ => 4403,
        };
        let first = TokenMessage::json("/payload/token").close_frames(move |error| frame(code(error)));
        let app = app(layer().bearer().first_message(first.timeout_frame(frame(4408))));
        for (message, code) in [("{}", 4401), ("token", 4400), (r#"{"payload":{"token":"nonsense"}}"#, 4403)] {
            let mut pipe = waiting(&app).await;
            pipe.send_text(message).await.unwrap();
            assert_eq!(pipe.next().await, closed(code, ""), "{message}");
        }
        assert_eq!(waiting(&app).await.next().await, closed(4408, ""));
    }

    #[tokio::test(start_paused = true)]
    async fn is_not_needed_with_a_token_in_the_handshake() {
        let mut pipe = open(&app(first()), "alice/100").await;
        pipe.send_text("who are you").await.unwrap();
        assert_eq!(pipe.next().await, text("Some(\"alice\")"));
    }

    #[tokio::test(start_paused = true)]
    async fn is_revoked_like_any_other() {
        let revocations = Revocations::new();
        let app = app(layer().first_message(TokenMessage::raw()).handshakes_only().revocations(revocations.clone()));
        let mut pipe = waiting(&app).await;
        pipe.send_text("alice/100/7").await.unwrap();
        pipe.send_text("hello").await.unwrap();
        assert_eq!(pipe.next().await, text("hello"));
        assert_eq!(revocations.revoke_subject(&Subject::new("alice")).here(), 1);
        assert_eq!(pipe.next().await, closed(3000, "token revoked"));
    }

    #[tokio::test(start_paused = true)]
    async fn leaves_no_claims_to_extractors() {
        assert_eq!(answer(&app(first()), "/claims", "").await.status(), 500);
    }
}

#[tokio::test(start_paused = true)]
async fn the_connection_has_the_subject() {
    let upgrade = any(async |upgrade: WebSocketUpgrade, connection: Connection| {
        upgrade.on_upgrade(async move |mut socket| {
            let name = connection.subject().map(|subject| subject.as_str().to_owned());
            drop(socket.send(Message::text(format!("{name:?}"))).await);
        })
    });
    let app = Router::new().route("/ws", upgrade).layer(layer().bearer().first_message(TokenMessage::raw()));
    let mut pipe = pipe::open(&app, "/ws", "authorization: Bearer alice/9\r\n").await;
    assert_eq!(pipe.next().await, text("Some(\"alice\")"));
    let mut pipe = pipe::open(&app, "/ws", "").await;
    pipe.send_text("bob/9").await.unwrap();
    assert_eq!(pipe.next().await, text("Some(\"bob\")"));
}

#[tokio::test(start_paused = true)]
async fn a_cookie_stands_behind_an_origin_check() {
    let origins = OriginLayer::new(["https://own.example"]).unwrap();
    let app = app(layer().cookie("session", &origins)).layer(origins);
    let cookie = "cookie: session=alice/9\r\n";
    assert_eq!(status(&app, &format!("{cookie}origin: https://own.example\r\n")).await, 101);
    assert_eq!(status(&app, &format!("{cookie}origin: https://evil.example\r\n")).await, 403);
}
