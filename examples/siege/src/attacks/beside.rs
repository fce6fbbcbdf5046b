//! Plain requests beside the socket, which layers only for WebSockets do not check.

use std::net::SocketAddr;

use super::attack::{Attack, Want};
use crate::{Result, observation::Observation, page::OWN, raw, tokens};

pub(super) const ALL: &[Attack] = &[
    Attack { name: "no token beside socket", run: |address| get(address, MESSAGES, ""), want: Want::Denied(401) },
    Attack { name: "polling without token", run: |address| get(address, POLLING, ""), want: Want::Denied(401) },
    Attack { name: "foreign page's POST", run: |address| transfer(address, EVIL), want: Want::Denied(403) },
    Attack { name: "sandboxed page's POST", run: |address| transfer(address, "null"), want: Want::Denied(403) },
    Attack { name: "own page's POST", run: |address| transfer(address, OWN), want: Want::Answered(200) },
    Attack { name: "polling with a token", run: poll, want: Want::Answered(200) },
    Attack { name: "guessing signatures", run: guess, want: Want::Denied(429) },
];

const MESSAGES: &str = "/beside/messages";
const POLLING: &str = "/beside/poll?EIO=4&transport=polling";
const EVIL: &str = "https://evil.example";

fn get(address: SocketAddr, path: &str, headers: &str) -> Result<Observation> {
    Ok(Observation::Answered(raw::plain(address, "GET", path, headers)?))
}

/// Sends what a form on a page of `origin` sends: the browser adds the cookie.
fn transfer(address: SocketAddr, origin: &str) -> Result<Observation> {
    let token = tokens::token(|_| ())?;
    let headers = format!(
        "origin: {origin}\r\ncookie: theme=dark; session={token}\r\ncontent-type: text/plain\r\ncontent-length: 0\r\n"
    );
    Ok(Observation::Answered(raw::plain(address, "POST", "/beside/transfer", &headers)?))
}

/// Tries one signature after another. Each costs a verification, until the server limits them.
fn guess(address: SocketAddr) -> Result<Observation> {
    let token = tokens::token(|_| ())?;
    let (claims, _) = token.rsplit_once('.').ok_or("a token has a signature")?;
    let mut status = 0;
    for guess in 0..200 {
        let headers = format!("authorization: Bearer {claims}.{guess:043}\r\ncontent-length: 0\r\n");
        status = raw::plain(address, "POST", "/beside/transfer", &headers)?;
        if status == 429 {
            break;
        }
    }
    Ok(Observation::Answered(status))
}

fn poll(address: SocketAddr) -> Result<Observation> {
    let headers = format!("authorization: Bearer {}\r\n", tokens::token(|_| ())?);
    get(address, POLLING, &headers)
}
