//! Clients without a token that is theirs and good.

use std::net::SocketAddr;

use super::{Attack, Saw, Want, storm};
use crate::{
    Result,
    raw::{self, Opened},
    tokens,
};

pub(super) const ALL: &[Attack] = &[
    Attack { name: "no token", run: |address| private(address, None), want: Want::Status(401) },
    Attack { name: "garbage for a token", run: |address| private(address, Some("eyJ.e30.x")), want: Want::Status(401) },
    Attack { name: "expired token", run: |address| with(address, tokens::expiring(-30)), want: Want::Status(401) },
    Attack { name: "another audience's token", run: wrong_audience, want: Want::Status(401) },
    Attack { name: "unsigned token", run: unsigned, want: Want::Status(401) },
    Attack { name: "public key as secret", run: confused, want: Want::Status(401) },
    Attack { name: "token in the log", run: logged, want: Want::NotLogged },
    Attack { name: "outlived token", run: |address| with(address, tokens::expiring(1)), want: Want::Close(3000) },
    Attack { name: "revoked session", run: revoked, want: Want::Close(3000) },
    Attack {
        name: "silent first message",
        run: |address| storm(address, "/first", Vec::new()),
        want: Want::Close(3000),
    },
    Attack { name: "garbage first message", run: garbage_first, want: Want::Close(3000) },
    Attack { name: "own token", run: own, want: Want::Echoed },
];

fn private(address: SocketAddr, token: Option<&str>) -> Result<Saw> {
    storm(address, &token.map_or("/private".to_owned(), |token| format!("/private?token={token}")), Vec::new())
}

fn with(address: SocketAddr, token: Result<String>) -> Result<Saw> {
    private(address, Some(&token?))
}

fn wrong_audience(address: SocketAddr) -> Result<Saw> {
    with(address, tokens::token(|claims| claims["aud"] = "billing".into()))
}

/// `alg: none`, which asks a server not to check.
fn unsigned(address: SocketAddr) -> Result<Saw> {
    let token = tokens::token(|_| ())?;
    let claims = token.split('.').nth(1).ok_or("a token has claims")?;
    private(address, Some(&format!("eyJhbGciOiJub25lIn0.{claims}.")))
}

fn confused(address: SocketAddr) -> Result<Saw> {
    storm(address, &format!("/named/private?token={}", tokens::confused()?), Vec::new())
}

fn logged(address: SocketAddr) -> Result<Saw> {
    own(address)?;
    Ok(Saw::Logged(raw::get(address, "/logged")?.ends_with("true")))
}

fn revoked(address: SocketAddr) -> Result<Saw> {
    let token = tokens::token(|claims| claims["sub"] = "mallory".into())?;
    match raw::open(address, &format!("/private?token={token}"), None)? {
        Opened::Socket(socket) => {
            raw::get(address, "/revoke/mallory")?;
            socket.storm(Vec::new())
        }
        Opened::Status(status) => Ok(Saw::Status(status)),
    }
}

fn garbage_first(address: SocketAddr) -> Result<Saw> {
    let mut bytes = Vec::new();
    raw::frame(&mut bytes, 0x81, b"let me in");
    storm(address, "/first", bytes)
}

fn own(address: SocketAddr) -> Result<Saw> {
    match raw::open(address, &format!("/private?token={}", tokens::token(|_| ())?), None)? {
        Opened::Socket(socket) => socket.greet(),
        Opened::Status(status) => Ok(Saw::Status(status)),
    }
}
