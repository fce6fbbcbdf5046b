//! Checks the table in the README: what clients see.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use socketioxide::TransportType::{Polling, Websocket};
use visitor::{Client, Table, http, serve};

const POLL: &str = "GET /socket.io/?EIO=4&transport=polling";
const SOCKET: &str = "/socket.io/?EIO=4&transport=websocket";
const ALICE: (&str, &str) = ("authorization", "Bearer token-of-alice");

/// Sends a message, and replies to the server's heartbeats (`2`) until it receives something else.
async fn request(client: &mut Client, message: &str) -> String {
    let mut received = client.request(message).await;
    while received == "2" {
        received = client.request("3").await;
    }
    received
}

#[tokio::test]
async fn clients_see_what_the_readme_says() {
    let server = serve(socketio::app([Polling, Websocket])).await;
    let mut table = Table::new();

    table.row("polls without a token", http(server, POLL).await.0);
    let poll = format!("{POLL}\n{}: {}", ALICE.0, ALICE.1);
    let (status, response) = http(server, &poll).await;
    assert!(response.contains("\"sid\""), "{response}");
    table.row("polls with its token", status);
    table.row("opens a WebSocket without a token", Client::connect(server, SOCKET, &[]).await.err().unwrap());

    // `0` opens, `40` connects to a namespace, `42` is an event.
    let mut client = Client::open(server, SOCKET, &[ALICE]).await;
    assert!(client.receive().await.starts_with("0{"));
    assert!(request(&mut client, "40").await.starts_with("40{"));
    let response = request(&mut client, r#"42["say","hello"]"#).await;
    table.row("opens one with its token and sends \"hello\"", format!("`{response}`"));
    client.send_many(r#"42["say","now!"]"#, 1000).await;
    table.row("then sends 1,000 events at once", client.closed().await);

    let sockets = serve(socketio::app([Websocket])).await;
    table.row("polls where only WebSockets are allowed", http(sockets, &poll).await.0);
    table.assert_in(include_str!("../README.md"));
}
