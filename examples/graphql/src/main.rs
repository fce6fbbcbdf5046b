//! Prints a token and serves until it is stopped.

use graphql::{Tokens, app};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let tokens = Tokens::new("the secret of an example, which is not secret");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    println!("ws://127.0.0.1:3000/graphql\ntoken: {}", tokens.issue("alice", 3600)?);
    axum::serve(listener, app(&tokens)?).await?;
    Ok(())
}
