//! Serves until it is stopped, with a trial of a minute or 10 KiB.

use std::time::Duration;

use policy::{Trial, app};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    println!("ws://127.0.0.1:3000/ws");
    axum::serve(listener, app(&Trial { time: Duration::from_mins(1), bytes: 10 * 1024 })).await
}
