//! Checks the table in the README: what clients see.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use session_cookie::{COOKIE, app};
use visitor::{Client, Table, http, serve};

const OURS: &str = "https://app.example.com";
const EVIL: &str = "https://evil.example";

#[tokio::test]
async fn clients_see_what_the_readme_says() {
    let server = serve(app(OURS).unwrap()).await;
    let mut table = Table::new();

    let form = "content-type: application/x-www-form-urlencoded";
    let login =
        async |origin: &str| http(server, &format!("POST /login\norigin: {origin}\n{form}\n\nname=alice")).await;
    let (status, response) = login(OURS).await;
    let cookie = response.split(&format!("{COOKIE}=")).nth(1).unwrap().split(';').next().unwrap();
    let cookie = format!("{COOKIE}={cookie}");
    table.row("signs in on our own page", status);
    table.row("is signed in by a foreign page", login(EVIL).await.0);

    let open = async |origin, cookie| Client::connect(server, "/ws", &[("origin", origin), ("cookie", cookie)]).await;
    let made_up = format!("{COOKIE}=4711");
    let mut alice = open(OURS, &cookie).await.unwrap();
    table.row("connects with the cookie and sends \"hello\"", format!("\"{}\"", alice.request("hello").await));
    table.row("connects from a foreign page, with the cookie", open(EVIL, &cookie).await.err().unwrap());
    table.row("connects with a made-up session id", open(OURS, &made_up).await.unwrap().closed().await);
    table.row("connects without a cookie", open(OURS, "theme=dark").await.unwrap().closed().await);

    let log_out = async |origin| http(server, &format!("POST /logout\norigin: {origin}\ncookie: {cookie}")).await.0;
    table.row("is signed out by a foreign page", log_out(EVIL).await);
    assert_eq!(alice.request("still here").await, "still here, alice");
    table.row("signs out", log_out(OURS).await);
    table.row("is connected when the session ends", alice.closed().await);
    table.row("reconnects with the same cookie", open(OURS, &cookie).await.unwrap().closed().await);
    table.assert_in(include_str!("../README.md"));
}
