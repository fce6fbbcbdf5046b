//! Serves until it is stopped.

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    println!("ws://127.0.0.1:3000");
    jsonrpc::serve(listener).await
}
