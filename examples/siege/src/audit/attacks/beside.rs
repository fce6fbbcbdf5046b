//! Plain requests beside the socket, which checks only for WebSockets do not cover.

use super::super::{
    attack::{Attack, Load},
    client::{Client, Entry},
    facts::Place,
    group::{BESIDE, ORIGIN},
    handshake::Handshake,
    verdict::Judged,
};
use crate::Result;

pub(super) const ALL: &[Attack] = &[
    Attack {
        name: "plain request without token",
        group: &BESIDE,
        harm: "data that the socket protects is read without it",
        load: Load::Light,
        run: |client| without_token(client, |handshake| handshake),
    },
    Attack {
        name: "polling without token",
        group: &BESIDE,
        harm: "a fallback transport opens the session that the socket refuses",
        load: Load::Light,
        run: |client| without_token(client, |handshake| handshake.asking("EIO=4&transport=polling")),
    },
    Attack {
        name: "foreign page's POST",
        group: &ORIGIN,
        harm: "any site that a user visits acts as that user",
        load: Load::Light,
        run: post,
    },
];

fn beside(client: &Client) -> Handshake {
    let target = client.facts.beside.as_ref().unwrap_or(&client.scope.target);
    Handshake::plain(&client.scope, &client.facts, target).with("connection", "close")
}

fn without_token(client: &Client, change: fn(Handshake) -> Handshake) -> Result<Judged> {
    if client.facts.token.is_none() {
        return Ok(Judged::not_run("no token was given"));
    }
    answered(client, &change(beside(client)))
}

/// Sends what a form on a foreign page sends, with the cookie that the browser adds.
fn post(client: &Client) -> Result<Judged> {
    let (Place::Cookie(_), Some(_)) = (&client.facts.place, &client.facts.beside) else {
        return Ok(Judged::not_run("needs --token-in cookie:NAME and --beside PATH"));
    };
    let handshake = beside(client).with_token(&client.facts.place, client.facts.token.as_deref());
    answered(client, &handshake.by("POST").set("origin", "https://evil.example").with("content-length", "0"))
}

fn answered(client: &Client, handshake: &Handshake) -> Result<Judged> {
    Ok(match client.enter(handshake)? {
        Entry::Refused(answer) if (200..300).contains(&answer.status) => {
            Judged::through(format!("HTTP {}", answer.status))
        }
        Entry::Refused(answer) => super::super::client::not_upgraded(&answer),
        Entry::Open(..) => Judged::through("HTTP 101"),
        Entry::Ended(how) => Judged::stopped(how),
    })
}
