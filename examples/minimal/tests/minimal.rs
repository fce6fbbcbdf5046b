//! Checks the table in the README: what clients see.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use visitor::{Client, Table, serve};

#[tokio::test]
async fn clients_see_what_the_readme_says() {
    let server = serve(minimal::app()).await;
    let mut table = Table::new();

    let mut polite = Client::open(server, "/ws", &[]).await;
    table.row("sends \"hello\"", format!("\"{}\"", polite.request("hello").await));

    let mut flood = Client::open(server, "/ws", &[]).await;
    flood.send_many("now!", 1000).await;
    let (answers, end) = flood.count_until_closed().await;
    table.row("sends 1,000 messages at once", format!("{answers} answers, then {end}"));

    table.row("connected before the flood", format!("\"{}\"", polite.request("still here").await));
    table.assert_in(include_str!("../README.md"));
}
