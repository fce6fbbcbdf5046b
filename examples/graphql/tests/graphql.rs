//! What README says that clients see.
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

/// A client whose token was accepted.
async fn acknowledged(server: SocketAddr, token: &str) -> Client {
    let mut client = open(server).await;
    assert_eq!(client.asks(&init(token)).await, r#"{"type":"connection_ack"}"#);
    client
}

/// How a client is closed that sends one message.
async fn closed(mut client: Client, message: &str) -> String {
    client.say(message).await;
    client.closed().await
}

#[tokio::test]
async fn clients_see_what_readme_says() {
    let tokens = Tokens::new([7; 32]);
    let server = serve(app(&tokens).unwrap()).await;
    let alice = tokens.issue("alice", 3600).unwrap();
    let mut table = Table::new();

    let mut client = open(server).await;
    table.row("sends its token in `connection_init`", format!("`{}`", client.asks(&init(&alice)).await));
    table.row("then subscribes", format!("`{}`", client.asks(SUBSCRIBE).await));

    let query = r#"{"query":"{ version }"}"#;
    let post = async |header: &str| {
        http(server, &format!("POST /graphql\ncontent-type: application/json{header}\n\n{query}")).await.0
    };
    table.row("posts a query with its token", post(&format!("\nauthorization: Bearer {alice}")).await);
    table.row("posts a query without", post("").await);

    table.row("begins with what is not JSON", closed(open(server).await, "hello").await);
    table.row("sends what is not a message, later", closed(acknowledged(server, &alice).await, "hello").await);
    table.row("subscribes before `connection_init`", closed(open(server).await, SUBSCRIBE).await);
    table.row("sends a token that is not good", closed(open(server).await, &init("forged")).await);
    table.row("says nothing for three seconds", open(server).await.closed().await);
    table.row("sends `connection_init` again", closed(acknowledged(server, &alice).await, &init(&alice)).await);

    let bob = tokens.issue("bob", 3600).unwrap();
    let mut flood = acknowledged(server, &bob).await;
    flood.shout(r#"{"type":"ping"}"#, 1000).await;
    table.row("floods", flood.closed().await);

    let mut brief = acknowledged(server, &tokens.issue("carol", 3).unwrap()).await;
    table.row("is connected when its token expires", brief.closed().await);
    table.stands_in(include_str!("../README.md"));
}
