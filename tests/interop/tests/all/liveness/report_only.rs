//! Limits that are reported but not enforced.

use interop::pipe::{Seen, text};
use portcullis_liveness::{IdleTimeoutLayer, KeepAliveLayer, MaxAgeLayer, MessageSizeLayer, WriteTimeoutLayer};
use tokio::time::sleep;

use super::apps::{HOUR, SECOND, echo, open};

#[tokio::test(start_paused = true)]
async fn report_only_closes_nothing() {
    let app = echo()
        .layer(KeepAliveLayer::new().report_only())
        .layer(IdleTimeoutLayer::new(10 * SECOND).report_only())
        .layer(MaxAgeLayer::new(HOUR).report_only())
        .layer(MessageSizeLayer::new(10).report_only())
        .layer(WriteTimeoutLayer::new(10 * SECOND).report_only());
    let mut pipe = open(&app).await;
    pipe.send_frame(0x82, &[7; 1000]).await.unwrap();
    assert_eq!(pipe.next().await, Some(Seen::Binary(vec![7; 1000])));
    sleep(2 * HOUR).await;
    pipe.send_text("still there").await.unwrap();
    let mut pings = 0;
    loop {
        match pipe.next().await {
            Some(Seen::Ping(_)) => pings += 1,
            seen => break assert_eq!(seen, text("still there")),
        }
    }
    assert!(pings > 100, "{pings} unanswered pings");
}
