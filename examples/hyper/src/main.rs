//! Serves until Ctrl+C.

use tokio::{net::TcpListener, signal::ctrl_c};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    println!("ws://127.0.0.1:3000/");
    hyper_example::serve(listener, ctrl_c()).await;
    Ok(())
}
