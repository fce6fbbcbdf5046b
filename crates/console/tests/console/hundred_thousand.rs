//! What a hundred thousand connections cost: `--run-ignored only`, in a release build, prints the figures of the guide.

use std::{
    fs,
    time::{Duration, Instant},
};

use http::Request;
use http_body_util::BodyExt;
use portcullis_core::{Connection, Connections};

use crate::ask::{answer, get, open};

const CONNECTIONS: u32 = 100_000;

/// The CPU time that this process has used.
fn cpu() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<_> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}

/// What the process uses of one CPU within a time.
async fn used(time: Duration) -> f64 {
    let (began, before) = (Instant::now(), cpu());
    tokio::time::sleep(time).await;
    cpu().saturating_sub(before).as_secs_f64() / began.elapsed().as_secs_f64() * 100.0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it prints figures, and takes a minute"]
async fn what_a_hundred_thousand_connections_cost() {
    let connections = Connections::new();
    let mut clients = Vec::new();
    for number in 0..CONNECTIONS {
        let [_, b, c, d] = number.to_be_bytes();
        let (connection, client) =
            Connection::detached().subject(format!("user-{}", number / 3)).client_ip([10, b, c, d / 4].into()).open();
        connections.insert(&connection);
        clients.push(client);
    }
    println!("{} connections", connections.count());
    let console = open(&connections);
    let time = Duration::from_secs(20);
    println!("CPU without a console's viewer: {:.1} %", used(time).await);
    for query in
        ["", "?sort=messages_in", "?sort=quota_left", "?sort=subject&order=asc&offset=50000", "?search=user-999"]
    {
        tokio::time::sleep(Duration::from_millis(1100)).await;
        let began = Instant::now();
        get(&console, &format!("/api/connections{query}")).await;
        let first = began.elapsed();
        let began = Instant::now();
        let response = answer(&console, Request::get(format!("/api/connections{query}")), "").await;
        let bytes = response.into_body().collect().await.unwrap().to_bytes().len();
        println!("{query:40} {first:>10.1?} with a snapshot, {:>10.1?} without, {bytes} bytes", began.elapsed());
    }
    for viewers in [1, 8] {
        let mut tasks = Vec::new();
        for viewer in 0..viewers {
            let sort = ["messages_in", "age", "bytes_out", "subject"][viewer % 4];
            let mut stream = answer(&console, Request::get(format!("/api/events?sort={sort}")), "").await;
            tasks.push(tokio::spawn(async move {
                let (mut events, mut bytes) = (0, 0);
                let ends = Instant::now() + Duration::from_secs(22);
                while Instant::now() < ends {
                    bytes += stream.body_mut().frame().await.unwrap().unwrap().into_data().unwrap().len();
                    events += 1;
                }
                (events, bytes)
            }));
        }
        println!("CPU with {viewers} viewers: {:.1} %", used(time).await);
        for task in tasks {
            let (events, bytes) = task.await.unwrap();
            println!("  {events} events of {} bytes", bytes / events);
        }
    }
}
