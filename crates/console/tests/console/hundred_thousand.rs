//! The cost of a console with a hundred thousand connections: `--run-ignored only`, in a release build, prints the
//! figures of the guide. They are CPU time, which other processes on the machine hardly affect.

use std::{
    fs,
    time::{Duration, Instant},
};

use http::Request;
use http_body_util::BodyExt;
use portcullis_core::{Connection, Connections};

use crate::ask::{answer, open};

const CONNECTIONS: u32 = 100_000;

/// The CPU time that all threads of this process have used, in nanoseconds.
fn cpu() -> Duration {
    let threads = fs::read_dir("/proc/self/task").unwrap();
    let used = threads.map(|thread| {
        // A thread may have ended in the meantime.
        let stat = fs::read_to_string(thread.unwrap().path().join("schedstat")).unwrap_or_default();
        stat.split(' ').next().and_then(|nanos| nanos.parse().ok()).unwrap_or(0)
    });
    Duration::from_nanos(used.sum())
}

/// The share of one CPU that the process uses over `time`, in percent.
async fn used(time: Duration) -> f64 {
    let (began, before) = (Instant::now(), cpu());
    tokio::time::sleep(time).await;
    cpu().saturating_sub(before).as_secs_f64() / began.elapsed().as_secs_f64() * 100.0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it prints figures and takes a minute"]
async fn what_a_hundred_thousand_connections_cost() {
    let connections = Connections::new();
    let mut clients = Vec::new();
    for number in 0..CONNECTIONS {
        let [_, b, c, d] = number.to_be_bytes();
        let subject = format!("user-{}", number / 3);
        let (connection, client) = Connection::detached().subject(subject).client_ip([10, b, c, d / 4].into()).open();
        connections.insert(&connection);
        clients.push(client);
    }
    println!("{} connections", connections.count());
    let console = open(&connections).viewers(16);
    let time = Duration::from_secs(20);
    println!("without a viewer: {:.2} % of a CPU", used(time).await);
    for query in ["", "?sort=messages_in", "?sort=quota_left", "?sort=subject&offset=50000", "?search=user-999"] {
        tokio::time::sleep(Duration::from_millis(1100)).await;
        let path = format!("/api/connections{query}");
        let ask = async || {
            let before = cpu();
            let response = answer(&console, Request::get(&path), "").await;
            let bytes = response.into_body().collect().await.unwrap().to_bytes().len();
            (cpu().saturating_sub(before), bytes)
        };
        let ((first, _), (second, bytes)) = (ask().await, ask().await);
        println!("{query:30} {first:>9.1?} with a new snapshot, {second:>9.1?} with one, {bytes} bytes");
    }
    for viewers in [1, 8] {
        let mut tasks = Vec::new();
        for viewer in 0..viewers {
            let sort = ["messages_in", "age", "bytes_out", "subject"][viewer % 4];
            let path = format!("/api/events?limit=25&sort={sort}");
            let mut stream = answer(&console, Request::get(path), "").await;
            tasks.push(tokio::spawn(async move {
                let (mut events, mut bytes) = (0, 0);
                let ends = Instant::now() + time + Duration::from_secs(2);
                while Instant::now() < ends {
                    bytes += stream.body_mut().frame().await.unwrap().unwrap().into_data().unwrap().len();
                    events += 1;
                }
                (events, bytes)
            }));
        }
        println!("with {viewers} viewers: {:.1} % of a CPU", used(time).await);
        let (mut events, mut bytes) = (0, 0);
        for task in tasks {
            let (of_one, bytes_of_one) = task.await.unwrap();
            (events, bytes) = (events + of_one, bytes + bytes_of_one);
        }
        println!("  {events} events of {} bytes", bytes / events);
    }
}
