//! Writes the files that a client needs to a folder, and serves until it is stopped.

use std::{fs, path::PathBuf, sync::Arc};

use mtls::{Server, authority::Authority};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let authority = Authority::new()?;
    let server =
        Server::new(authority.issue("localhost", 1)?.into_parts(), authority.certificate(), authority.revoke(&[])?)?;
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("usage: mtls FOLDER")?);
    let (chain, key) = authority.issue("alice.example.com", 2)?.into_parts();
    fs::write(folder.join("ca.der"), authority.certificate())?;
    fs::write(folder.join("alice.der"), &chain[0])?;
    fs::write(folder.join("alice.key.der"), key.secret_der())?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    println!("wss://localhost:3000/ws");
    Arc::new(server).serve(listener).await;
    Ok(())
}
