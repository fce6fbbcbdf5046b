//! Maximum ages.

use std::time::Duration;

use interop::pipe::{closed, text};
use portcullis_liveness::MaxAgeLayer;
use tokio::time::{Instant, sleep};

use super::apps::{HOUR, SECOND, YEAR, echo, open};

#[tokio::test(start_paused = true)]
async fn a_connection_is_closed_at_its_age() {
    let mut pipe = open(&echo().layer(MaxAgeLayer::new(HOUR).spread(Duration::ZERO))).await;
    let opened = Instant::now();
    sleep(Duration::from_millis(3_599_998)).await;
    pipe.send_text("still there").await.unwrap();
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
async fn ten_years_and_an_infinite_age_do_not_close() {
    for age in [10 * YEAR, Duration::MAX] {
        let mut pipe = open(&echo().layer(MaxAgeLayer::new(age).spread(Duration::ZERO))).await;
        sleep(5 * YEAR).await;
        pipe.send_text("still there").await.unwrap();
        assert_eq!(pipe.next().await, text("still there"));
    }
}
