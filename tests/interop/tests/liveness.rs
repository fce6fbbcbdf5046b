//! Limits of time and size, on a paused clock.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod handlers;
mod pipe;

use std::{
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};

use axum::{
    Router,
    extract::ws::{Message, WebSocket, WebSocketUpgrade},
    routing::any,
};
use http::HeaderMap;
use pipe::{Pipe, Seen, ask, closed, text};
use portcullis_core::{Connection, EndedBy};
use portcullis_liveness::{IdleTimeoutLayer, KeepAliveLayer, MaxAgeLayer, MessageSizeLayer, WriteTimeoutLayer};
use portcullis_rate_limit::{Excess, MessageRateLayer};
use tokio::time::{Instant, sleep};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_hours(1);
const YEAR: Duration = Duration::from_hours(24 * 365);
const MILLI: Duration = Duration::from_millis(1);

fn echo() -> Router {
    Router::new().route("/", any(async |up: WebSocketUpgrade| handlers::upgrade(up, handlers::echo)))
}

/// An app whose handler passes on everything that it reads.
fn spied() -> (Router, Arc<Mutex<Vec<Message>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let spy = seen.clone();
    let route = any(async move |up: WebSocketUpgrade| {
        handlers::upgrade(up, async move |mut socket: WebSocket| {
            while let Some(Ok(message)) = socket.recv().await {
                spy.lock().unwrap().push(message);
            }
        })
    });
    (Router::new().route("/", route), seen)
}

/// An app whose handler reads nothing for a time, then echoes.
fn busy(time: Duration) -> Router {
    let route = any(async move |up: WebSocketUpgrade| {
        handlers::upgrade(up, async move |socket: WebSocket| {
            sleep(time).await;
            handlers::echo(socket).await;
        })
    });
    Router::new().route("/", route)
}

async fn open(app: &Router) -> Pipe {
    let (head, pipe) = ask(app, "/", "").await;
    assert!(head.starts_with("http/1.1 101"), "{head}");
    pipe
}

async fn ping(pipe: &mut Pipe) -> Vec<u8> {
    match pipe.next().await {
        Seen::Other(0x89, payload) => payload,
        seen => panic!("{seen:?} instead of a ping"),
    }
}

#[tokio::test(start_paused = true)]
async fn what_only_reports_closes_nothing() {
    let app = echo()
        .layer(KeepAliveLayer::new().report_only())
        .layer(IdleTimeoutLayer::new(10 * SECOND).report_only())
        .layer(MaxAgeLayer::new(HOUR).report_only())
        .layer(MessageSizeLayer::new(10).report_only())
        .layer(WriteTimeoutLayer::new(10 * SECOND).report_only());
    let mut pipe = open(&app).await;
    pipe.frame(0x82, &[7; 1000]).await;
    assert_eq!(pipe.next().await, Seen::Other(0x82, vec![7; 1000]));
    sleep(2 * HOUR).await;
    pipe.text("still there").await;
    loop {
        match pipe.next().await {
            Seen::Other(0x89, _) => {}
            seen => break assert_eq!(seen, text("still there")),
        }
    }
}

mod keep_alive {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_answers_is_kept_and_its_pongs_are_not_shown() {
        let (app, seen) = spied();
        let mut pipe = open(&app.layer(KeepAliveLayer::new())).await;
        let mut before = Instant::now();
        let mut periods = Vec::new();
        for _ in 0..100 {
            let payload = ping(&mut pipe).await;
            periods.push(before.elapsed());
            before = Instant::now();
            sleep(19 * SECOND).await;
            pipe.frame(0x8a, &payload).await;
        }
        assert!(periods[1..].iter().all(|period| *period == periods[1]), "{periods:?}");
        assert!(periods[1] <= 25 * SECOND && periods[1] > 18 * SECOND, "{periods:?}");
        assert!(seen.lock().unwrap().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_does_not_answer_is_closed_when_its_time_is_over() {
        let mut pipe = open(&echo().layer(KeepAliveLayer::new())).await;
        ping(&mut pipe).await;
        let asked = Instant::now();
        assert_eq!(pipe.next().await, closed(3008, "no answer to a ping"));
        let took = asked.elapsed();
        assert!(took >= 20 * SECOND && took < 22 * SECOND, "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn whatever_comes_is_a_sign_of_life() {
        let (app, seen) = spied();
        let mut pipe = open(&app.layer(KeepAliveLayer::new())).await;
        for _ in 0..10 {
            ping(&mut pipe).await;
            sleep(19 * SECOND).await;
            pipe.frame(0x8a, b"of my own").await;
        }
        sleep(SECOND).await;
        assert_eq!(*seen.lock().unwrap(), vec![Message::Pong("of my own".into()); 10]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_older_pings_answer_is_ours_too_and_no_pong_answers_twice() {
        let (app, seen) = spied();
        let mut pipe = open(&app.layer(KeepAliveLayer::new())).await;
        let first = ping(&mut pipe).await;
        pipe.text("life").await;
        let second = ping(&mut pipe).await;
        for pong in [&first, &second, &second, &first] {
            pipe.frame(0x8a, pong).await;
        }
        pipe.text("end").await;
        ping(&mut pipe).await;
        let pong = |payload: Vec<u8>| Message::Pong(payload.into());
        let shown = [Message::text("life"), pong(second), pong(first), Message::text("end")];
        assert_eq!(*seen.lock().unwrap(), shown);
    }

    #[tokio::test(start_paused = true)]
    async fn the_round_trip_is_on_the_handle() {
        let (app, handles) = handlers::watched(handlers::echo);
        let mut pipe = open(&app.layer(KeepAliveLayer::new())).await;
        let handle = handles.recv().unwrap();
        assert_eq!(handle.round_trip(), None);
        let payload = ping(&mut pipe).await;
        sleep(120 * MILLI).await;
        pipe.frame(0x8a, &payload).await;
        ping(&mut pipe).await;
        assert_eq!(handle.round_trip(), Some(120 * MILLI));
    }

    #[tokio::test(start_paused = true)]
    async fn a_pong_that_a_busy_handler_leaves_unread_counts() {
        let mut pipe = open(&busy(HOUR).layer(KeepAliveLayer::new())).await;
        let opened = Instant::now();
        while opened.elapsed() < 59 * 60 * SECOND {
            let payload = ping(&mut pipe).await;
            pipe.frame(0x8a, &payload).await;
        }
        pipe.text("hello").await;
        loop {
            match pipe.next().await {
                Seen::Other(0x89, payload) => pipe.frame(0x8a, &payload).await,
                seen => break assert_eq!(seen, text("hello")),
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_is_gone_is_closed_while_its_handler_is_busy() {
        let mut pipe = open(&busy(HOUR).layer(KeepAliveLayer::new())).await;
        let payload = ping(&mut pipe).await;
        pipe.frame(0x8a, &payload).await;
        pipe.text("last words").await;
        ping(&mut pipe).await;
        let asked = Instant::now();
        assert_eq!(pipe.next().await, closed(3008, "no answer to a ping"));
        assert!(asked.elapsed() < 22 * SECOND, "{:?}", asked.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_is_not_judged_by_what_cannot_be_seen() {
        let mut pipe = open(&busy(HOUR).layer(KeepAliveLayer::new())).await;
        // More than is looked at: the pongs are somewhere behind it.
        pipe.frame(0x82, &[0; 8000]).await;
        let opened = Instant::now();
        let payload = ping(&mut pipe).await;
        pipe.frame(0x8a, &payload).await;
        let mut pings = 0;
        loop {
            match pipe.next().await {
                Seen::Other(0x89, payload) => pipe.frame(0x8a, &payload).await,
                seen => break assert_eq!(seen, Seen::Other(0x82, vec![0; 8000])),
            }
            pings += 1;
        }
        assert!(opened.elapsed() + 26 * SECOND > HOUR);
        assert_eq!(pings, 0, "nobody is asked again before it is known what was answered");
        // What was not seen then was read by now; who is gone from here on is closed.
        loop {
            match pipe.next().await {
                Seen::Other(0x89, _) => {}
                seen => break assert_eq!(seen, closed(3008, "no answer to a ping")),
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_whose_input_is_delayed_is_not_judged() {
        let slow = MessageRateLayer::new(portcullis_rate_limit::Quota::with_period(300 * SECOND).unwrap())
            .on_excess(Excess::Delay)
            .max_delay(HOUR);
        let mut pipe = open(&echo().layer(slow).layer(KeepAliveLayer::new())).await;
        for word in ["one", "two"] {
            pipe.text(word).await;
        }
        let opened = Instant::now();
        assert_eq!(pipe.next().await, text("one"));
        ping(&mut pipe).await;
        assert_eq!(pipe.next().await, text("two"));
        assert!(opened.elapsed() >= 299 * SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn connections_that_came_together_are_not_pinged_together() {
        let app = echo().layer(KeepAliveLayer::new());
        let mut pipes = Vec::new();
        for _ in 0..200 {
            pipes.push(open(&app).await);
        }
        let opened = Instant::now();
        let mut times = Vec::new();
        for pipe in pipes {
            times.push(tokio::spawn(async move {
                let mut pipe = pipe;
                ping(&mut pipe).await;
                opened.elapsed().as_millis() / 100
            }));
        }
        let mut moments = std::collections::HashSet::new();
        for time in times {
            moments.insert(time.await.unwrap());
        }
        assert!(moments.len() > 30, "200 pings in {} tenths of a second", moments.len());
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_jumps_ends_nobody_who_answered() {
        let mut pipe = open(&echo().layer(KeepAliveLayer::new())).await;
        for _ in 0..10 {
            let payload = ping(&mut pipe).await;
            pipe.frame(0x8a, &payload).await;
            // A machine that sleeps: everything is late at once, and the answer is there.
            tokio::time::advance(10 * HOUR).await;
        }
        ping(&mut pipe).await;
        tokio::time::advance(10 * HOUR).await;
        assert_eq!(pipe.next().await, closed(3008, "no answer to a ping"));
    }

    #[tokio::test(start_paused = true)]
    async fn an_interval_of_any_length_is_fine() {
        for interval in [10 * YEAR, Duration::MAX] {
            let mut pipe = open(&echo().layer(KeepAliveLayer::new().interval(interval).timeout(interval))).await;
            sleep(YEAR).await;
            pipe.text("still there").await;
            assert_eq!(pipe.next().await, text("still there"));
        }
    }
}

mod idle {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_closed_when_nothing_was_said_for_so_long_and_not_earlier() {
        let mut pipe = open(&echo().layer(IdleTimeoutLayer::new(10 * SECOND))).await;
        for _ in 0..5 {
            sleep(Duration::from_millis(9_998)).await;
            pipe.text("still there").await;
            assert_eq!(pipe.next().await, text("still there"));
        }
        let last = Instant::now();
        assert_eq!(pipe.next().await, closed(3008, "idle for too long"));
        let took = last.elapsed();
        assert!(took >= 10 * SECOND && took < 11 * SECOND, "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn pings_do_not_count() {
        let mut pipe = open(&echo().layer(IdleTimeoutLayer::new(10 * SECOND))).await;
        let opened = Instant::now();
        sleep(9 * SECOND).await;
        pipe.frame(0x89, b"").await;
        assert_eq!(pipe.next().await, Seen::Other(0x8a, Vec::new()));
        assert_eq!(pipe.next().await, closed(3008, "idle for too long"));
        assert!(opened.elapsed() < 12 * SECOND);
    }

    /// A handler that says something every second.
    fn feed() -> Router {
        let route = any(async |up: WebSocketUpgrade| {
            handlers::upgrade(up, async |mut socket: WebSocket| {
                while socket.send(Message::text("tick")).await.is_ok() {
                    sleep(SECOND).await;
                }
            })
        });
        Router::new().route("/", route)
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_server_says_counts_unless_only_the_client_does() {
        let mut pipe = open(&feed().layer(IdleTimeoutLayer::new(10 * SECOND))).await;
        for _ in 0..100 {
            assert_eq!(pipe.next().await, text("tick"));
        }
        let mut pipe = open(&feed().layer(IdleTimeoutLayer::new(10 * SECOND).inbound_only())).await;
        let opened = Instant::now();
        while pipe.next().await == text("tick") {}
        assert!(opened.elapsed() >= 10 * SECOND && opened.elapsed() < 12 * SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_that_a_busy_handler_leaves_unread_counts() {
        let mut pipe = open(&busy(HOUR).layer(IdleTimeoutLayer::new(10 * SECOND))).await;
        pipe.text("hello").await;
        let opened = Instant::now();
        assert_eq!(pipe.next().await, text("hello"));
        assert!(opened.elapsed() >= HOUR);
    }
}

mod age {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_closed_at_its_age() {
        let mut pipe = open(&echo().layer(MaxAgeLayer::new(HOUR).spread(Duration::ZERO))).await;
        let opened = Instant::now();
        sleep(Duration::from_millis(3_599_998)).await;
        pipe.text("still there").await;
        assert_eq!(pipe.next().await, text("still there"));
        assert_eq!(pipe.next().await, closed(1001, "maximum age reached"));
        assert!(opened.elapsed() < HOUR + 2 * SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn ages_are_spread_and_never_beyond_the_maximum() {
        let app = echo().layer(MaxAgeLayer::new(10 * HOUR).spread(HOUR));
        let mut ages = Vec::new();
        for _ in 0..50 {
            let mut pipe = open(&app).await;
            let opened = Instant::now();
            assert_eq!(pipe.next().await, closed(1001, "maximum age reached"));
            ages.push(opened.elapsed());
        }
        assert!(ages.iter().all(|age| *age > 9 * HOUR && *age < 10 * HOUR + 2 * SECOND), "{ages:?}");
        ages.sort();
        assert!(ages[49] > ages[0] + HOUR / 2, "{ages:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn ten_years_and_for_ever_do_not_close() {
        for age in [10 * YEAR, Duration::MAX] {
            let mut pipe = open(&echo().layer(MaxAgeLayer::new(age).spread(Duration::ZERO))).await;
            sleep(5 * YEAR).await;
            pipe.text("still there").await;
            assert_eq!(pipe.next().await, text("still there"));
        }
    }
}

mod size {
    use super::*;

    fn limited() -> Router {
        echo().layer(MessageSizeLayer::new(1000).fragments(4))
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_at_the_limit_passes() {
        let mut pipe = open(&limited()).await;
        pipe.frame(0x82, &[7; 1000]).await;
        assert_eq!(pipe.next().await, Seen::Other(0x82, vec![7; 1000]));
        pipe.frame(0x02, &[7; 400]).await;
        pipe.frame(0x00, &[7; 300]).await;
        pipe.frame(0x89, b"between").await;
        pipe.frame(0x00, &[7; 300]).await;
        pipe.frame(0x80, &[]).await;
        assert_eq!(pipe.next().await, Seen::Other(0x8a, b"between".into()));
        assert_eq!(pipe.next().await, Seen::Other(0x82, vec![7; 1000]));
        pipe.text("and the next").await;
        assert_eq!(pipe.next().await, text("and the next"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_declared_length_is_refused_at_the_header() {
        for header in [&[0x82, 0xfe, 0x03, 0xe9, 0, 0, 0, 0][..], &[0x82, 0xff, 0x7f, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]]
        {
            let mut pipe = open(&limited()).await;
            pipe.text("before").await;
            assert!(pipe.try_bytes(header).await);
            assert_eq!(pipe.next().await, text("before"));
            assert_eq!(pipe.next().await, closed(1009, "message over 1000 bytes"));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn fragments_are_added_up_in_one_read_or_in_many() {
        for pause in [Duration::ZERO, SECOND] {
            let mut pipe = open(&limited()).await;
            for (first, bytes) in [(0x02, 500), (0x00, 500), (0x00, 1)] {
                pipe.frame(first, &vec![0; bytes]).await;
                sleep(pause).await;
            }
            assert_eq!(pipe.next().await, closed(1009, "message over 1000 bytes"));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn fragments_are_counted_empty_or_not() {
        let mut pipe = open(&limited()).await;
        pipe.frame(0x01, b"").await;
        for _ in 0..4 {
            pipe.frame(0x00, b"").await;
        }
        assert_eq!(pipe.next().await, closed(1009, "message in more than 4 fragments"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_that_drips_is_closed_and_one_in_time_is_not() {
        let app = echo().layer(MessageSizeLayer::new(1000).within(10 * SECOND));
        let drip = async |pipe: &mut Pipe, bytes: usize, pause: Duration| {
            assert!(pipe.try_bytes(&[0x82, 0x80 | u8::try_from(bytes).unwrap(), 0, 0, 0, 0]).await);
            for _ in 0..bytes {
                sleep(pause).await;
                if !pipe.try_bytes(&[7]).await {
                    return;
                }
            }
        };
        let mut pipe = open(&app).await;
        for _ in 0..5 {
            drip(&mut pipe, 9, SECOND).await;
            assert_eq!(pipe.next().await, Seen::Other(0x82, vec![7; 9]));
        }
        let began = Instant::now();
        drip(&mut pipe, 100, SECOND).await;
        assert_eq!(pipe.next().await, closed(1009, "message not finished within 10s"));
        assert!(began.elapsed() >= 10 * SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_that_is_finished_is_not_timed_any_more() {
        let mut pipe = open(&echo().layer(MessageSizeLayer::new(1000).within(10 * SECOND))).await;
        for message in ["one", "two"] {
            pipe.text(message).await;
            assert_eq!(pipe.next().await, text(message));
            sleep(HOUR).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn each_message_has_its_own_time_wherever_reads_end() {
        let mut pipe = open(&echo().layer(MessageSizeLayer::new(1000).within(10 * SECOND))).await;
        let head = [0x81, 0x84, 0, 0, 0, 0, b'h', b'a'];
        assert!(pipe.try_bytes(&head).await);
        for _ in 0..10 {
            sleep(6 * SECOND).await;
            assert!(pipe.try_bytes(&[b"lf", &head[..]].concat()).await);
            assert_eq!(pipe.next().await, text("half"));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn fragments_that_drip_are_one_message() {
        let mut pipe = open(&echo().layer(MessageSizeLayer::new(1000).within(10 * SECOND))).await;
        pipe.text("before").await;
        assert_eq!(pipe.next().await, text("before"));
        let began = Instant::now();
        pipe.frame(0x02, b"").await;
        for _ in 0..9 {
            sleep(SECOND).await;
            pipe.frame(0x00, b"a").await;
        }
        assert_eq!(pipe.next().await, closed(1009, "message not finished within 10s"));
        assert!(began.elapsed() >= 10 * SECOND && began.elapsed() < 12 * SECOND, "{:?}", began.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_that_a_busy_handler_reads_late_was_in_time() {
        let (release, wait) = tokio::sync::oneshot::channel::<()>();
        let wait = Arc::new(Mutex::new(Some(wait)));
        let route = any(async move |up: WebSocketUpgrade| {
            let wait = wait.lock().unwrap().take().unwrap();
            // A buffer so small that half of the message is left in the transport.
            up.read_buffer_size(512).on_upgrade(async move |mut socket: WebSocket| {
                let first = socket.recv().await.unwrap().unwrap();
                wait.await.unwrap();
                let second = socket.recv().await.unwrap().unwrap();
                for message in [first, second] {
                    socket.send(message).await.unwrap();
                }
            })
        });
        let app = Router::new().route("/", route).layer(MessageSizeLayer::new(1000).within(10 * SECOND));
        let mut pipe = open(&app).await;
        let mut bytes = vec![0x81, 0x83, 0, 0, 0, 0, b'o', b'n', b'e', 0x82, 0xfe, 0x03, 0xe8, 0, 0, 0, 0];
        bytes.extend([7; 1000]);
        assert!(pipe.try_bytes(&bytes).await);
        sleep(HOUR).await;
        release.send(()).unwrap();
        assert_eq!(pipe.next().await, text("one"));
        assert_eq!(pipe.next().await, Seen::Other(0x82, vec![7; 1000]));
    }

    #[tokio::test]
    async fn compression_is_not_offered_to_the_handler_unless_allowed() {
        let offered = any(async |headers: HeaderMap| format!("{:?}", headers.get("sec-websocket-extensions")));
        let app = Router::new().route("/", offered);
        for (layer, expected) in [
            (MessageSizeLayer::new(1000), "None"),
            (MessageSizeLayer::new(1000).allow_compression(), "Some(\"permessage-deflate\")"),
        ] {
            let app = app.clone().layer(layer);
            let (_, pipe) = ask(&app, "/", "sec-websocket-extensions: permessage-deflate\r\n").await;
            assert_eq!(pipe.body(expected.len()).await, expected);
        }
    }
}

mod write {
    use super::*;

    /// A handler that sends, each message so big, and says how its writing ended.
    fn sender(bytes: usize, give_up: bool) -> (Router, mpsc::Receiver<Connection>) {
        let (handles, watch) = mpsc::channel();
        let route = any(async move |up: WebSocketUpgrade, connection: Connection| {
            handles.send(connection).unwrap();
            up.max_write_buffer_size(usize::MAX).on_upgrade(async move |mut socket: WebSocket| {
                let send = async {
                    // What is written after the end is swallowed for a while, which never passes on a busy paused clock.
                    while socket.send(Message::binary(vec![7; bytes])).await.is_ok() {
                        sleep(MILLI).await;
                    }
                };
                if give_up {
                    let _gave_up = tokio::time::timeout(SECOND, send).await;
                    while socket.recv().await.is_some_and(|message| message.is_ok()) {}
                } else {
                    send.await;
                }
            })
        });
        (Router::new().route("/", route), watch)
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_does_not_read_is_ended() {
        let (app, handles) = sender(1000, false);
        let pipe = open(&app.layer(WriteTimeoutLayer::new(10 * SECOND))).await;
        let opened = Instant::now();
        let ended = handles.recv().unwrap().closed().await;
        let took = opened.elapsed();
        assert!(took >= 10 * SECOND && took < 20 * SECOND, "{took:?}");
        assert_eq!(ended.by, EndedBy::Guard);
        drop(pipe);
    }

    #[tokio::test(start_paused = true)]
    async fn its_time_does_not_wait_for_a_later_deadline() {
        let (app, handles) = sender(1000, false);
        let keepalive = KeepAliveLayer::new().interval(HOUR);
        let pipe = open(&app.layer(WriteTimeoutLayer::new(10 * SECOND)).layer(keepalive)).await;
        let opened = Instant::now();
        handles.recv().unwrap().closed().await;
        assert!(opened.elapsed() < 20 * SECOND, "{:?}", opened.elapsed());
        drop(pipe);
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_reads_a_little_now_and_then_is_kept() {
        let (app, _handles) = sender(1000, false);
        let mut pipe = open(&app.layer(WriteTimeoutLayer::new(10 * SECOND))).await;
        for _ in 0..100 {
            sleep(9 * SECOND).await;
            assert_eq!(pipe.next().await, Seen::Other(0x82, vec![7; 1000]));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_that_a_handler_gave_up_is_not_the_peers_fault_once_there_is_room() {
        let (app, handles) = sender(1000, true);
        let mut pipe = open(&app.layer(WriteTimeoutLayer::new(10 * SECOND))).await;
        let handle = handles.recv().unwrap();
        sleep(5 * SECOND).await;
        for _ in 0..50 {
            assert_eq!(pipe.next().await, Seen::Other(0x82, vec![7; 1000]));
        }
        sleep(HOUR).await;
        assert_eq!(handle.close_reason(), None);
    }
}
