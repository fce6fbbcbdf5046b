//! Serves until it is stopped.

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    println!("ws://127.0.0.1:3000/ws");
    axum::serve(listener, minimal::app()).await
}
