//! Clients without a token that is theirs and good.

use std::net::SocketAddr;

use super::{
    attack::{Attack, Want},
    wire::{open, storm},
};
use crate::{
    Result,
    page::{OWN, Visit},
    raw::{self, Opened, frames},
    saw::Saw,
    tokens,
};

pub(super) const ALL: &[Attack] = &[
    Attack { name: "no token", run: |address| private(address, None), want: UNAUTHORIZED },
    Attack { name: "garbage for a token", run: |address| private(address, Some("eyJ.e30.x")), want: UNAUTHORIZED },
    Attack { name: "expired token", run: |address| with(address, tokens::expiring(-30)), want: UNAUTHORIZED },
    Attack { name: "another audience's token", run: wrong_audience, want: UNAUTHORIZED },
    Attack { name: "unsigned token", run: unsigned, want: UNAUTHORIZED },
    Attack { name: "public key as secret", run: confused, want: UNAUTHORIZED },
    Attack { name: "token in the log", run: logged, want: Want::NotLogged },
    Attack {
        name: "outlived token",
        run: |address| with(address, tokens::expiring(1)),
        want: Want::Because(3000, "token expired"),
    },
    Attack { name: "revoked session", run: revoked, want: Want::Because(3000, "token revoked") },
    Attack {
        name: "silent first message",
        run: |address| storm(address, "/first", &[]),
        want: Want::Because(3000, "token missing"),
    },
    Attack {
        name: "garbage first message",
        run: garbage_first,
        want: Want::Because(3000, "invalid token: not three parts"),
    },
    Attack { name: "own token", run: own, want: Want::Echoed },
];

const UNAUTHORIZED: Want = Want::Refused(401, 3000);

fn private(address: SocketAddr, token: Option<&str>) -> Result<Saw> {
    bring(address, "/private", token)
}

/// Brings a token in the query, a page as a subprotocol.
fn bring(address: SocketAddr, path: &str, token: Option<&str>) -> Result<Saw> {
    let query = token.map(|token| format!("?token={token}")).unwrap_or_default();
    match raw::open(address, &format!("{path}{query}"), None)? {
        Opened::Socket(socket) => Ok(socket.storm(&[])),
        Opened::Status(status) => {
            let visit = Visit::new(address, path, OWN)?;
            let visit = token.into_iter().fold(visit, Visit::bearer);
            Ok(Saw::Refused { status, page: visit.see()? })
        }
    }
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
    bring(address, "/named/private", Some(&tokens::confused()?))
}

fn logged(address: SocketAddr) -> Result<Saw> {
    own(address)?;
    Ok(Saw::Logged(raw::get(address, "/logged")?.ends_with("true")))
}

fn revoked(address: SocketAddr) -> Result<Saw> {
    let token = tokens::token(|claims| claims["sub"] = "mallory".into())?;
    let socket = open(address, &format!("/private?token={token}"))?;
    raw::get(address, "/revoke/mallory")?;
    Ok(socket.storm(&[]))
}

fn garbage_first(address: SocketAddr) -> Result<Saw> {
    storm(address, "/first", &frames(1, 0x81, b"let me in"))
}

fn own(address: SocketAddr) -> Result<Saw> {
    open(address, &format!("/private?token={}", tokens::token(|_| ())?))?.greet()
}
