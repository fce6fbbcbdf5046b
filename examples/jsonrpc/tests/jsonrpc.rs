//! Checks the table in the README: what clients see.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use visitor::{Client, Table, http, listen};

fn call(method: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":["hello"]}}"#)
}

fn batch(calls: usize) -> String {
    format!("[{}]", vec![call("say"); calls].join(","))
}

#[tokio::test]
async fn clients_see_what_the_readme_says() {
    let (listener, server) = listen().await;
    tokio::spawn(jsonrpc::serve(listener));
    let mut table = Table::new();

    let mut client = Client::open(server, "/", &[]).await;
    table.row("calls a method", format!("`{}`", client.request(&call("say")).await));
    let answers = client.request(&batch(10)).await.matches("hello").count();
    table.row("sends ten calls in one message", format!("{answers} results: it counts as one message"));
    table.row("sends eleven", format!("`{}`", client.request(&batch(11)).await));

    client.send_text(&call("subscribe_ticks")).await;
    let _subscribed = client.receive().await;
    let mut last = String::new();
    for _ in 0..100 {
        last = client.receive().await;
    }
    let at = last.split("\"result\":").nth(1).unwrap().trim_end_matches('}');
    table.row("subscribes", format!("notifications, past number {at}: they do not count"));

    let mut flood = Client::open(server, "/", &[]).await;
    flood.send_many(&call("say"), 1000).await;
    let (answers, end) = flood.count_until_closed().await;
    table.row("sends 1,000 calls at once", format!("{answers} results, then {end}"));

    let request = format!("POST /\ncontent-type: application/json\n\n{}", call("say"));
    table.row("posts a call over plain HTTP", http(server, &request).await.0);
    table.assert_in(include_str!("../README.md"));
}
