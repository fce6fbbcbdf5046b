//! Checks the table in the README: what clients see.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::SocketAddr;

use graphql::{Tokens, app};
use visitor::{Client, Table, http, serve};

const SUBSCRIBE: &str = r#"{"id":"1","type":"subscribe","payload":{"query":"subscription { count(to: 2) }"}}"#;

async fn open(server: SocketAddr) -> Client {
    Client::open(server, "/graphql", &[("sec-websocket-protocol", "graphql-transport-ws")]).await
}

fn init(token: &str) -> String {
    format!(r#"{{"type":"connection_init","payload":{{"token":"{token}"}}}}"#)
}

/// Connects and sends a valid token.
async fn acknowledged(server: SocketAddr, token: &str) -> Client {
    let mut client = open(server).await;
    assert_eq!(client.request(&init(token)).await, r#"{"type":"connection_ack"}"#);
    client
}

/// Sends a message and waits for the close frame.
async fn closed(mut client: Client, message: &str) -> String {
    client.send_text(message).await;
    client.closed().await
}

#[tokio::test]
async fn clients_see_what_the_readme_says() {
    let tokens = Tokens::new([7; 32]);
    let server = serve(app(&tokens).unwrap()).await;
    let alice = tokens.issue("alice", 3600).unwrap();
    let mut table = Table::new();

    let mut client = open(server).await;
    table.row("sends its token in `connection_init`", format!("`{}`", client.request(&init(&alice)).await));
    table.row("then subscribes", format!("`{}`", client.request(SUBSCRIBE).await));

    let query = r#"{"query":"{ version }"}"#;
    let post = async |header: &str| {
        http(server, &format!("POST /graphql\ncontent-type: application/json{header}\n\n{query}")).await.0
    };
    table.row("posts a query with its token", post(&format!("\nauthorization: Bearer {alice}")).await);
    table.row("posts a query without a token", post("").await);

    table.row("sends a first message that is not JSON", closed(open(server).await, "hello").await);
    table.row("sends an invalid message later", closed(acknowledged(server, &alice).await, "hello").await);
    table.row("subscribes before `connection_init`", closed(open(server).await, SUBSCRIBE).await);
    table.row("sends an invalid token", closed(open(server).await, &init("forged")).await);
    table.row("sends nothing for three seconds", open(server).await.closed().await);
    table.row("sends `connection_init` again", closed(acknowledged(server, &alice).await, &init(&alice)).await);

    let mut many = acknowledged(server, &tokens.issue("dora", 3600).unwrap()).await;
    let mut answer = String::new();
    for id in 1..=11 {
        let query = "subscription { count(to: 1000000) }";
        many.send_text(&format!(r#"{{"id":"{id}","type":"subscribe","payload":{{"query":"{query}"}}}}"#)).await;
        while !answer.contains(&format!(r#""id":"{id}""#)) {
            answer = many.receive().await;
        }
    }
    let said = answer.split(r#""message":""#).nth(1).unwrap_or(&answer).split('"').next().unwrap();
    table.row("has ten subscriptions and requests another", said);

    let bob = tokens.issue("bob", 3600).unwrap();
    let mut flood = acknowledged(server, &bob).await;
    flood.send_many(r#"{"type":"ping"}"#, 1000).await;
    table.row("floods the server", flood.closed().await);

    let mut brief = acknowledged(server, &tokens.issue("carol", 3).unwrap()).await;
    table.row("is connected when its token expires", brief.closed().await);
    table.assert_in(include_str!("../README.md"));
}
