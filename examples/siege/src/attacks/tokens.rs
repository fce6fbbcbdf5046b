//! Clients without a valid token of their own.

use std::net::SocketAddr;

use super::{
    attack::{Attack, Want},
    wire::{open, storm},
};
use crate::{
    Result,
    observation::Observation,
    page::{OWN, Visit},
    raw::{self, Opened, frames},
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

fn private(address: SocketAddr, token: Option<&str>) -> Result<Observation> {
    present(address, "/private", token)
}

/// Sends a token in the query, or as a page, in a subprotocol.
fn present(address: SocketAddr, path: &str, token: Option<&str>) -> Result<Observation> {
    let query = token.map(|token| format!("?token={token}")).unwrap_or_default();
    match raw::open(address, &format!("{path}{query}"), None)? {
        Opened::Socket(socket) => Ok(socket.storm(&[])),
        Opened::Status(status) => {
            let visit = Visit::new(address, path, OWN)?;
            let visit = token.into_iter().fold(visit, Visit::bearer);
            Ok(Observation::Refused { status, page: visit.observe()? })
        }
    }
}

fn with(address: SocketAddr, token: Result<String>) -> Result<Observation> {
    private(address, Some(&token?))
}

fn wrong_audience(address: SocketAddr) -> Result<Observation> {
    with(address, tokens::token(|claims| claims["aud"] = "billing".into()))
}

/// `alg: none`, which asks the server not to check the signature.
fn unsigned(address: SocketAddr) -> Result<Observation> {
    let token = tokens::token(|_| ())?;
    let claims = token.split('.').nth(1).ok_or("a token has claims")?;
    private(address, Some(&format!("eyJhbGciOiJub25lIn0.{claims}.")))
}

fn confused(address: SocketAddr) -> Result<Observation> {
    present(address, "/named/private", Some(&tokens::confused()?))
}

fn logged(address: SocketAddr) -> Result<Observation> {
    own(address)?;
    Ok(Observation::Logged(raw::get(address, "/logged")?.ends_with("true")))
}

fn revoked(address: SocketAddr) -> Result<Observation> {
    let token = tokens::token(|claims| claims["sub"] = "mallory".into())?;
    let socket = open(address, &format!("/private?token={token}"))?;
    raw::get(address, "/revoke/mallory")?;
    Ok(socket.storm(&[]))
}

fn garbage_first(address: SocketAddr) -> Result<Observation> {
    storm(address, "/first", &frames(1, 0x81, b"let me in"))
}

fn own(address: SocketAddr) -> Result<Observation> {
    open(address, &format!("/private?token={}", tokens::token(|_| ())?))?.greet()
}
