//! Checks the table in the README: what clients see.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::pin::pin;

use tokio::sync::oneshot;
use visitor::{Client, Table, http, listen};

#[tokio::test]
async fn clients_see_what_the_readme_says() {
    let (listener, server) = listen().await;
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(hyper_example::serve(listener, stopped));
    let mut table = Table::new();

    let (status, _) = http(server, "GET /").await;
    table.row("sends a plain request", status);

    let mut polite = Client::open(server, "/", &[]).await;
    table.row("sends \"hello\"", format!("\"{}\"", polite.request("hello").await));

    let mut flood = Client::open(server, "/", &[]).await;
    flood.send_many("now!", 1000).await;
    let (answers, end) = flood.count_until_closed().await;
    table.row("sends 1,000 messages at once", format!("{answers} answers, then {end}"));
    drop(flood);

    let mut held = vec![Client::open(server, "/", &[]).await, Client::open(server, "/", &[]).await];
    let refused = loop {
        match Client::connect(server, "/", &[]).await {
            Ok(client) => held.push(client),
            Err(status) => break status,
        }
    };
    table.row("has four connections and opens a fifth", refused);

    stop.send(()).unwrap();
    // Both at once: the drain waits for the clients.
    let all = async {
        let mut ends = Vec::new();
        for client in held.iter_mut().chain([&mut polite]) {
            ends.push(client.closed().await);
        }
        ends
    };
    let ends = pin!(all).await;
    assert!(ends.iter().all(|end| *end == ends[0]), "{ends:?}");
    table.row("is connected when the server stops", &ends[0]);
    serving.await.unwrap();
    table.assert_in(include_str!("../README.md"));
}
