//! Metrics, checked against the documented table, on a paused clock.

use std::{collections::BTreeSet, time::Duration};

use interop::{
    observed::{
        asks::Asks,
        open, registered, routes,
        ways::{self, EVIL, last, ours, rate, with},
    },
    pipe::{self, Seen, ask, closed, text},
};
use metrics_util::{
    CompositeKey, MetricKind,
    debugging::{DebugValue, DebuggingRecorder, Snapshotter},
};
use portcullis_close::CloseLayer;
use portcullis_connections::ConnectionLimitLayer;
use portcullis_core::{
    CloseFrame, GuardLayer,
    observe::{Kind, METRICS, describe},
    settings::Grace,
};
use portcullis_jwt::TokenError;
use portcullis_rate_limit::Excess;
use tokio::time::sleep;

/// The metrics of this thread, from its creation on.
struct Recorded {
    snapshotter: Snapshotter,
    _recorder: metrics::LocalRecorderGuard<'static>,
}

type Sample = (CompositeKey, Option<metrics::Unit>, Option<metrics::SharedString>, DebugValue);

impl Recorded {
    fn new() -> Self {
        // The guard borrows it, and a test is not long.
        let recorder: &'static DebuggingRecorder = Box::leak(Box::default());
        let snapshotter = recorder.snapshotter();
        let recorder = metrics::set_default_local_recorder(recorder);
        describe();
        Self { snapshotter, _recorder: recorder }
    }

    fn samples(&self) -> Vec<Sample> {
        self.snapshotter.snapshot().into_vec()
    }

    /// The changes since the last call, in Prometheus' format. For a distribution, the number of values.
    fn lines(&self) -> BTreeSet<String> {
        let line = |(key, _, _, value): Sample| {
            let number = match value {
                DebugValue::Counter(count) => count.to_string(),
                DebugValue::Gauge(gauge) => gauge.to_string(),
                DebugValue::Histogram(values) => values.len().to_string(),
            };
            let labels: Vec<_> =
                key.key().labels().map(|label| format!(" {}={}", label.key(), label.value())).collect();
            (number != "0").then(|| format!("{}{} {number}", key.key().name(), labels.concat()))
        };
        self.samples().into_iter().filter_map(line).collect()
    }
}

fn set<const N: usize>(lines: [&str; N]) -> BTreeSet<String> {
    lines.map(|line| format!("portcullis_{line}")).into()
}

fn kind(kind: Kind) -> MetricKind {
    match kind {
        Kind::Counter => MetricKind::Counter,
        Kind::Gauge => MetricKind::Gauge,
        Kind::Histogram => MetricKind::Histogram,
    }
}

/// Checks a sample against the table, and returns its metric.
fn check((key, unit, help, value): &Sample) -> Vec<(&'static str, &'static str, String)> {
    let name = key.key().name();
    let metric = METRICS.iter().find(|metric| metric.name == name).unwrap_or_else(|| panic!("{name} is not listed"));
    assert_eq!((key.kind(), *unit, help.as_deref()), (kind(metric.kind), Some(metric.unit), Some(metric.help)));
    assert!(
        key.kind() != MetricKind::Gauge || *value == DebugValue::Gauge(0.0.into()),
        "{name} is {value:?} at the end"
    );
    let labels: Vec<_> = key.key().labels().map(metrics::Label::key).collect();
    assert_eq!(labels, metric.labels.iter().map(|label| label.name).collect::<Vec<_>>(), "{name}");
    let mut seen = vec![(metric.name, "", String::new())];
    for (label, listed) in key.key().labels().zip(metric.labels) {
        assert!(listed.values.contains(&label.value()), "{name} {} {} is not listed", label.key(), label.value());
        seen.push((metric.name, listed.name, label.value().to_owned()));
    }
    seen
}

#[tokio::test(start_paused = true)]
async fn recorded_metrics_are_those_of_the_table() {
    let recorded = Recorded::new();
    ways::handshakes().await;
    ways::plain_requests().await;
    ways::connections().await;
    ways::frames().await;
    let seen: BTreeSet<_> = recorded.samples().iter().flat_map(check).collect();
    for metric in METRICS {
        assert!(seen.contains(&(metric.name, "", String::new())), "{} was never recorded", metric.name);
        for label in metric.labels {
            // Of kinds, codes and policies there are too many for one test.
            let all = matches!(label.name, "outcome" | "by" | "direction" | "action");
            let missing = |value: &&&str| !seen.contains(&(metric.name, label.name, (**value).to_owned()));
            let missing: Vec<_> = label.values.iter().filter(missing).collect();
            assert!(!all || missing.is_empty(), "{} {} never was {missing:?}", metric.name, label.name);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_handshake_counts_once_behind_five_layers() {
    let recorded = Recorded::new();
    let limit = ConnectionLimitLayer::new().global(10);
    let stack = || routes().layer(rate(Excess::Close)).layer(limit.clone()).layer(ours());
    let stack = || stack().layer(GuardLayer::new()).layer(CloseLayer::always());
    assert_eq!(last(stack(), &["bye"]).await, closed(1000, ""));
    let once = set([
        "handshakes_total outcome=upgraded reason=none 1",
        "closes_total code=1000 by=handler 1",
        "connection_duration_seconds 1",
        "messages_total direction=in 1",
        "bytes_total direction=in 9",
    ]);
    assert_eq!(recorded.lines(), once);
    with(stack(), async |app| drop(ask(app, "/", EVIL).await)).await;
    assert_eq!(recorded.lines(), set(["handshakes_total outcome=refused reason=origin_not_allowed 1"]));
}

#[tokio::test(start_paused = true)]
async fn a_refused_plain_request_is_not_a_refused_handshake() {
    let recorded = Recorded::new();
    ways::plain_requests().await;
    let lines = ["refused", "would_refuse"].map(|outcome| format!("outcome={outcome} reason=origin_not_allowed 1"));
    let lines = lines.map(|line| format!("plain_refusals_total {line}"));
    assert_eq!(recorded.lines(), set(lines.each_ref().map(String::as_str)));
}

#[tokio::test(start_paused = true)]
async fn a_handshake_accepted_only_to_be_closed_is_refused() {
    let recorded = Recorded::new();
    for (target, headers, reason) in [("/", "", "server_full"), ("/missing", "", "handler")] {
        let full = routes().layer(ConnectionLimitLayer::new().global(usize::from(reason == "handler")));
        with(full.layer(CloseLayer::always()), async |app| {
            let mut peer = pipe::open(app, target, headers).await;
            assert!(matches!(peer.next().await, Some(Seen::Close(_))));
        })
        .await;
        assert_eq!(recorded.lines(), set([&format!("handshakes_total outcome=refused reason={reason} 1")]));
    }
}

#[tokio::test(start_paused = true)]
async fn the_reason_of_a_failed_handshake_is_logged() {
    let recorded = Recorded::new();
    ways::handshakes().await;
    let lines = recorded.lines();
    for reason in ["error", "panic", "cancelled", "upgrade"] {
        let line = format!("portcullis_handshakes_total outcome=failed reason={reason} 1");
        assert!(lines.contains(&line), "{reason}: {lines:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_traffic_of_a_long_connection_is_recorded_in_between() {
    let recorded = Recorded::new();
    with(routes().layer(rate(Excess::Close)), async |app| {
        let mut peer = open(app).await;
        let mut lines_so_far = recorded.lines();
        for _ in 0..20 {
            peer.send_text("1").await.unwrap();
            assert_eq!(peer.next().await, text("1"));
            sleep(Duration::from_secs(1)).await;
            lines_so_far.extend(recorded.lines());
        }
        // At the sixteenth second: the messages received up to then, and the answers sent before.
        let lines = ["messages_total direction=in 16", "messages_total direction=out 15"];
        assert!(lines_so_far.is_superset(&set(lines)), "{lines_so_far:#?}");
        peer.send_text("bye").await.unwrap();
        assert_eq!(peer.next().await, closed(1000, ""));
    })
    .await;
    let lines = ["messages_total direction=in 5", "messages_total direction=out 5", "bytes_total direction=out 15"];
    assert!(recorded.lines().is_superset(&set(lines)), "the rest");
}

#[test]
fn live_connections_end_with_their_runtime() {
    let recorded = Recorded::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let left = runtime.block_on(async {
        let (app, connections) = registered(routes());
        let pipes = [open(&app).await, open(&app).await, open(&app).await];
        // One is in its closing handshake, which the peer does not finish, and one has no handle left.
        let [closing, aborted, _] = connections.all().try_into().unwrap();
        closing.close_with(CloseFrame::empty(), Grace::within(Duration::ZERO));
        sleep(Duration::from_millis(50)).await;
        aborted.abort();
        (pipes, connections)
    });
    drop(runtime);
    assert_eq!(left.1.count(), 0);
    let samples = recorded.samples();
    for sample in &samples {
        check(sample);
    }
    assert!(samples.iter().any(|(key, ..)| key.key().name() == "portcullis_closing_tasks"), "one was closing");
}

#[test]
fn every_way_to_fail_with_a_token_is_a_listed_reason() {
    let reasons = METRICS.iter().flat_map(|metric| metric.labels).find(|label| label.name == "reason").unwrap();
    for error in [
        TokenError::Missing,
        TokenError::Malformed(""),
        TokenError::Invalid(""),
        TokenError::Expired,
        TokenError::NotYetValid,
        TokenError::Revoked,
        TokenError::Used,
        TokenError::Forbidden(""),
        TokenError::Unavailable,
    ] {
        assert!(reasons.values.contains(&error.kind().as_str()), "{}", error.kind());
    }
}

#[tokio::test(start_paused = true)]
async fn a_recorder_may_ask_the_connection() {
    let (sender, asked) = std::sync::mpsc::channel();
    let asks: &'static Asks = Box::leak(Box::new(Asks::new(sender)));
    let _recorder = metrics::set_default_local_recorder(asks);
    with(routes().layer(rate(Excess::Close)), async |app| {
        let watch = portcullis_core::Connections::new();
        let app = app.clone().layer(watch.layer());
        let mut peer = open(&app).await;
        asks.begin(watch.all().pop().unwrap());
        for word in ["1", "2", "3"] {
            peer.send_text(word).await.unwrap();
        }
        assert_eq!(peer.closed().await.unwrap().code().unwrap(), 1008);
    })
    .await;
    assert_eq!(asked.try_iter().max(), Some(2));
}
