//! The same doors over HTTP/2 (RFC 8441), where a server has them: checks that look at `Upgrade` do not see these.

use super::super::{
    attack::{Attack, Load},
    client::Client,
    group::{ORIGIN, TOKEN},
    verdict::Judged,
};
use crate::{Result, raw::Streams};

pub(super) const ALL: &[Attack] = &[
    Attack {
        name: "foreign page over HTTP/2",
        group: &ORIGIN,
        harm: "any site that a user visits talks to the server, as its browser speaks HTTP/2",
        load: Load::Light,
        run: |client| tried(client, "https://evil.example", client.facts.token.as_deref()),
    },
    Attack {
        name: "no token over HTTP/2",
        group: &TOKEN,
        harm: "anybody uses the service who speaks HTTP/2",
        load: Load::Light,
        run: |client| match client.facts.token {
            Some(_) => tried(client, &client.facts.origin, None),
            None => Ok(Judged::not_run("no token was given")),
        },
    },
];

/// Whether another origin or token is let in, if the own page is.
fn tried(client: &Client, origin: &str, token: Option<&str>) -> Result<Judged> {
    if client.facts.first.iter().any(|text| text.contains(super::super::facts::HOLE)) {
        return Ok(Judged::not_run("a token in a message is not tried over HTTP/2"));
    }
    let Ok(wire) = client.dial_http2() else { return Ok(Judged::not_run("HTTP/2 is not spoken")) };
    let mut streams = Streams::open(wire)?;
    if !streams.offers_websockets() {
        return Ok(Judged::not_run("no WebSocket over HTTP/2 is offered"));
    }
    if let Some(how) = entered(client, &mut streams, &client.facts.origin, client.facts.token.as_deref())? {
        return Ok(Judged::not_run(format!("the own page is not served over HTTP/2: {how}")));
    }
    Ok(match entered(client, &mut streams, origin, token)? {
        Some(how) => Judged::stopped(how),
        None => Judged::through("HTTP 200, and a ping was answered"),
    })
}

/// Opens a stream. `None` if it is a WebSocket that lives; else what became of it.
fn entered(client: &Client, streams: &mut Streams, origin: &str, token: Option<&str>) -> Result<Option<String>> {
    let hello = client.hello_with(token).set("origin", origin);
    let scheme = if client.scope.secure { "https" } else { "http" };
    if !streams.ask(scheme, hello.target(), &client.scope.authority, &hello.http2())? {
        return Ok(Some("refused".to_owned()));
    }
    Ok(streams.ping()?.map(|saw| format!("HTTP 200, then {saw}")))
}
