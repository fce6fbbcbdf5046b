//! Serves until it is stopped. Browsers send a `__Host-` cookie only over HTTPS, and to `localhost`.

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    println!("http://localhost:3000");
    axum::serve(listener, session_cookie::app("http://localhost:3000")?).await?;
    Ok(())
}
