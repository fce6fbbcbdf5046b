//! Starts two issuers in this process, prints a token of each, and serves until it is stopped.

use oidc::{app, issuer::Issuer};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (first, second) = (Issuer::start().await?, Issuer::start().await?);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    println!("ws://127.0.0.1:3000/ws");
    println!("a member of {}: {}", first.name(), first.issue("alice", "member")?);
    println!("an admin of {}: {}", second.name(), second.issue("alice", "admin")?);
    axum::serve(listener, app(&[first.name(), second.name()])?).await?;
    Ok(())
}
