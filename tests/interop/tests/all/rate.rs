//! Quotas over live connections, on a paused clock.

use std::{net::IpAddr, num::NonZeroU32, time::Duration};

use axum::{
    Router,
    extract::{
        Request,
        ws::{Message, WebSocket, WebSocketUpgrade},
    },
    middleware::{Next, from_fn},
    routing::any,
};
use interop::pipe::{self, Client, Seen, closed, status, text};
use portcullis_core::{
    CloseFrame, Connection, IntoClose,
    identity::{ClientIp, Subject},
};
use portcullis_rate_limit::{Allowance, ByteQuota, Excess, MessageRateLayer, Quota};
use tokio::time::Instant;

/// Echoes. `charge 5` charges, `left` returns what is left, `faster` changes the quota.
async fn handle(mut socket: WebSocket, allowance: Allowance) -> Result<(), CloseFrame> {
    while let Some(Ok(message)) = socket.recv().await {
        let Ok(said) = message.to_text() else { continue };
        let answer = match said.split_once(' ') {
            Some(("charge", cells)) => {
                allowance.charge(cells.parse().unwrap()).map_err(IntoClose::into_close)?;
                format!("left {:?}", allowance.remaining())
            }
            _ if said == "left" => format!("left {:?}, wait {:?}", allowance.remaining(), allowance.wait_for(3)),
            _ if said == "faster" => {
                allowance.set_quota(Quota::per_second(NonZeroU32::new(1000).unwrap()));
                "faster".to_owned()
            }
            _ => said.to_owned(),
        };
        if socket.send(Message::text(answer)).await.is_err() {
            break;
        }
    }
    Ok(())
}

/// Sets subjects and addresses from headers, like an outer layer.
async fn identify(mut request: Request, next: Next) -> axum::response::Response {
    let [user, address] = ["user", "address"].map(|name| {
        let value = request.headers().get(name)?;
        Some(value.to_str().unwrap().to_owned())
    });
    if let Some(user) = user {
        request.extensions_mut().insert(Subject::new(user));
    }
    if let Some(address) = address {
        request.extensions_mut().insert(ClientIp(address.parse::<IpAddr>().unwrap()));
    }
    next.run(request).await
}

fn routes() -> Router {
    let upgrade = any(async |upgrade: WebSocketUpgrade, allowance: Allowance, connection: Connection| {
        upgrade.on_upgrade(connection.supervise(move |socket| handle(socket, allowance)))
    });
    Router::new().route("/ws", upgrade)
}

fn app(layer: MessageRateLayer) -> Router {
    routes().layer(layer).layer(from_fn(identify))
}

async fn open(app: &Router, headers: &str) -> Client {
    pipe::open(app, "/ws", headers).await
}

/// Sends messages, and returns how many are answered before the close.
async fn answered(pipe: &mut Client, messages: u32) -> (u32, Option<Seen>) {
    for number in 0..messages {
        pipe.send_text(&number.to_string()).await.unwrap();
    }
    for number in 0..messages {
        match pipe.next().await {
            seen @ Some(Seen::Text(_)) => assert_eq!(seen, text(&number.to_string()), "in order"),
            end => return (number, end),
        }
    }
    (messages, None)
}

#[tokio::test(start_paused = true)]
async fn a_delay_loses_nothing_and_keeps_the_order() {
    let layer = MessageRateLayer::per_second(10).burst(5).on_excess(Excess::Delay);
    let mut pipe = open(&app(layer), "").await;
    let began = Instant::now();
    assert_eq!(answered(&mut pipe, 105).await, (105, None));
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(9_990) && took < Duration::from_millis(10_200), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_subject_has_one_quota_for_all_connections_and_reconnecting_does_not_reset_it() {
    let app = app(MessageRateLayer::per_second(10).per_subject());
    let mut tab = open(&app, "user: alice\r\n").await;
    assert_eq!(answered(&mut tab, 6).await, (6, None));
    let mut other = open(&app, "user: alice\r\n").await;
    assert_eq!(answered(&mut other, 6).await, (4, closed(1008, "message rate exceeded")));
    drop((tab, other));
    let mut again = open(&app, "user: alice\r\n").await;
    assert_eq!(answered(&mut again, 1).await, (0, closed(1008, "message rate exceeded")));
    let mut bob = open(&app, "user: bob\r\n").await;
    assert_eq!(answered(&mut bob, 10).await, (10, None), "bob has his own");
}

#[tokio::test(start_paused = true)]
async fn anonymous_connections_share_by_address() {
    let app = app(MessageRateLayer::per_second(10).per_subject());
    let mut one = open(&app, "address: 2001:db8::1\r\n").await;
    assert_eq!(answered(&mut one, 10).await, (10, None));
    let mut neighbour = open(&app, "address: 2001:db8::2\r\n").await;
    assert_eq!(answered(&mut neighbour, 1).await.0, 0);
    let mut far = open(&app, "address: 192.0.2.1\r\n").await;
    assert_eq!(answered(&mut far, 10).await, (10, None));
}

#[tokio::test(start_paused = true)]
async fn without_an_address_the_wiring_is_wrong() {
    for layer in [MessageRateLayer::per_second(1).per_client_ip(), MessageRateLayer::per_second(1).per_subject()] {
        assert_eq!(status(&app(layer), "/ws", "").await, 500);
    }
}

#[tokio::test(start_paused = true)]
async fn keys_are_the_users() {
    let app = app(MessageRateLayer::per_second(3).per_key(|parts| parts.headers.get("room").cloned()));
    let mut one = open(&app, "room: attic\r\n").await;
    assert_eq!(answered(&mut one, 3).await, (3, None));
    let mut other = open(&app, "room: attic\r\n").await;
    assert_eq!(answered(&mut other, 1).await.0, 0);
    for _ in 0..2 {
        let mut alone = open(&app, "").await;
        assert_eq!(answered(&mut alone, 3).await, (3, None), "without a key it has its own");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_one_quota_stops_does_not_drain_another() {
    let inner = MessageRateLayer::per_second(2).on_excess(Excess::Drop);
    let outer = MessageRateLayer::per_second(10).global();
    let app = routes().layer(inner).layer(outer);
    let mut flood = open(&app, "").await;
    for number in 0..500 {
        flood.send_text(&number.to_string()).await.unwrap();
    }
    assert_eq!((flood.next().await, flood.next().await), (text("0"), text("1")));
    for _ in 0..4 {
        let mut polite = open(&app, "").await;
        assert_eq!(answered(&mut polite, 2).await, (2, None));
    }
    let mut last = open(&app, "").await;
    assert_eq!(answered(&mut last, 1).await, (0, closed(1008, "message rate exceeded")), "ten of all are used");
}

#[tokio::test(start_paused = true)]
async fn bytes_are_counted_and_what_never_fits_is_too_big() {
    let layer = MessageRateLayer::bytes(ByteQuota::per_second(100).allow_burst(120));
    let app = app(layer);
    let mut pipe = open(&app, "").await;
    for _ in 0..2 {
        pipe.send_text(&"x".repeat(60)).await.unwrap();
    }
    pipe.send_text("one too many").await.unwrap();
    assert_eq!(pipe.next().await, text(&"x".repeat(60)));
    assert_eq!(pipe.next().await, text(&"x".repeat(60)));
    assert_eq!(pipe.next().await, closed(1008, "byte rate exceeded"));
    let mut pipe = open(&app, "").await;
    pipe.send_text(&"x".repeat(121)).await.unwrap();
    assert_eq!(pipe.next().await, closed(1009, "more bytes than may be sent at once"));
}

#[tokio::test(start_paused = true)]
async fn a_handler_charges_asks_and_changes() {
    let app = app(MessageRateLayer::per_second(10));
    let mut pipe = open(&app, "").await;
    pipe.send_text("charge 5").await.unwrap();
    assert_eq!(pipe.next().await, text("left Some(4)"));
    pipe.send_text("left").await.unwrap();
    assert_eq!(pipe.next().await, text("left Some(3), wait Some(0ns)"));
    pipe.send_text("left").await.unwrap();
    assert_eq!(pipe.next().await, text("left Some(2), wait Some(100ms)"));
    pipe.send_text("faster").await.unwrap();
    assert_eq!(pipe.next().await, text("faster"));
    assert_eq!(answered(&mut pipe, 90).await, (90, None));
    pipe.send_text("charge 2000").await.unwrap();
    assert_eq!(pipe.next().await, closed(1008, "message rate exceeded"));
}

#[tokio::test(start_paused = true)]
async fn a_charge_that_one_layer_refuses_is_charged_by_none() {
    let app = routes().layer(MessageRateLayer::per_second(100)).layer(MessageRateLayer::per_second(10).global());
    let mut pipe = open(&app, "").await;
    pipe.send_text("charge 50").await.unwrap();
    assert_eq!(pipe.next().await, closed(1008, "message rate exceeded"));
    let mut other = open(&app, "").await;
    assert_eq!(answered(&mut other, 9).await, (9, None), "one message was sent so far");
}
