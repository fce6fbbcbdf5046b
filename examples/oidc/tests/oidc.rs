//! Checks the table in the README: what clients see.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use oidc::{app, issuer::Issuer};
use visitor::{Client, Table, serve};

#[tokio::test]
async fn clients_see_what_the_readme_says() {
    let (first, second) = (Issuer::start().await.unwrap(), Issuer::start().await.unwrap());
    let stranger = Issuer::start().await.unwrap();
    let server = serve(app(&[first.name(), second.name()]).unwrap()).await;
    let ask =
        async |token: &str| Client::connect(server, "/ws", &[("authorization", &format!("Bearer {token}"))]).await;
    let refused = async |token: &str| ask(token).await.err().unwrap();
    let mut table = Table::new();

    let mut member = ask(&first.issue("alice", "member").unwrap()).await.unwrap();
    table.row("is a member at the first issuer", format!("\"{}\"", member.request("hello").await));
    let mut admin = ask(&second.issue("alice", "admin").unwrap()).await.unwrap();
    table.row("is an admin at the second", format!("\"{}\"", admin.request("hello").await));

    let mut flood = ask(&first.issue("dora", "member").unwrap()).await.unwrap();
    flood.send_many("now!", 100).await;
    let (answers, end) = flood.count_until_closed().await;
    table.row("is another member and sends 100 messages at once", format!("{answers} answers, then {end}"));
    admin.send_many("now!", 100).await;
    for _ in 0..100 {
        admin.receive().await;
    }
    table.row("is the admin and sends as many", "100 answers");

    table.row("has a role in another application only", refused(&first.issue("bob", "billing").unwrap()).await);
    table.row("is a member at an issuer that is not listed", refused(&stranger.issue("eve", "member").unwrap()).await);
    let forged = second.issue_as(first.name(), "alice", "admin").unwrap();
    table.row("has a token in the first issuer's name, signed by the second", refused(&forged).await);
    table.assert_in(include_str!("../README.md"));
}
