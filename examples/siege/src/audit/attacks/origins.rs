//! Handshakes from pages of other origins.

use super::super::{
    attack::{Attack, Load},
    client::{Client, Entry, Talk},
    facts::Place,
    group::ORIGIN,
    verdict::Judged,
};
use crate::Result;

pub(super) const ALL: &[Attack] = &[
    page("foreign page", "any site that a user visits talks to the server with the user's cookies", |client| {
        from(client, "https://evil.example")
    }),
    page("own name as a prefix", "an attacker registers a name that begins with yours", |client| {
        let own = Own::of(client);
        from(client, &format!("{}://{}.evil.example", own.scheme, own.host))
    }),
    page("own name as a suffix", "an attacker registers a name that ends with yours", suffixed),
    page("own name as a user", "a parser that stops at `@` takes the attacker's host for yours", |client| {
        let own = Own::of(client);
        from(client, &format!("{}://{}@evil.example", own.scheme, own.host))
    }),
    page("own name in a path", "a substring search for your name finds it in the attacker's address", |client| {
        let own = Own::of(client);
        from(client, &format!("{}://evil.example/{}", own.scheme, own.authority))
    }),
    page(
        "own name but for a dot",
        "a dot in a regular expression matches any letter, and an attacker registers such a name",
        |client| {
            let own = Own::of(client);
            if !own.authority.contains('.') {
                return Ok(Judged::not_run("the own name has no dot"));
            }
            from(client, &format!("{}://{}", own.scheme, own.authority.replacen('.', "x", 1)))
        },
    ),
    page(
        "own name, other scheme",
        "an attacker who can alter your unencrypted page controls the encrypted one",
        |client| {
            let own = Own::of(client);
            if own.scheme != "https" {
                return Ok(Judged::not_run("the own page is not encrypted"));
            }
            from(client, &format!("http://{}", own.authority))
        },
    ),
    page("own name, other port", "another program on the same host acts for your page", |client| {
        let own = Own::of(client);
        from(client, &format!("{}://{}:{}", own.scheme, own.host, own.other_port()))
    }),
    page("null origin", "any site can put a page into a sandboxed frame, whose origin is `null`", |client| {
        from(client, "null")
    }),
    page("two origins", "one part of the server reads the first header, and another the last", |client| {
        let handshake = client.handshake().with("origin", "https://evil.example");
        client.judge(&handshake)
    }),
    page("no origin", "a credential that a browser adds by itself works without a page", missing),
];

const fn page(name: &'static str, harm: &'static str, run: fn(&Client) -> Result<Judged>) -> Attack {
    Attack { name, group: &ORIGIN, harm, load: Load::Light, run }
}

pub(super) fn from(client: &Client, origin: &str) -> Result<Judged> {
    client.judge(&client.handshake().set("origin", origin))
}

pub(super) fn suffixed(client: &Client) -> Result<Judged> {
    let own = Own::of(client);
    from(client, &format!("{}://evil{}", own.scheme, own.authority))
}

/// Browsers always send an origin, so its absence is an attack only with a cookie, which only browsers send.
fn missing(client: &Client) -> Result<Judged> {
    let handshake = client.handshake().without("origin");
    if matches!(client.facts.place, Place::Cookie(_)) && client.facts.token.is_some() {
        return client.judge(&handshake);
    }
    Ok(match client.enter(&handshake)? {
        Entry::Open(mut raw, _) => match client.talk(&mut raw, &handshake) {
            Talk::Ended(how) => Judged::stopped(format!("HTTP 101, then {how}")),
            _ => Judged::unclear("HTTP 101, which no page can get: the operator must decide whether other clients may"),
        },
        Entry::Refused(answer) => super::super::client::not_upgraded(&answer),
        Entry::Ended(how) => Judged::stopped(how),
    })
}

/// The origin of the server's own page.
struct Own<'a> {
    scheme: &'a str,
    /// With the port, if there is one.
    authority: &'a str,
    host: &'a str,
}

impl<'a> Own<'a> {
    fn of(client: &'a Client) -> Self {
        let (scheme, authority) = client.facts.origin.split_once("://").unwrap_or(("https", &client.facts.origin));
        let host = match authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
            _ => authority,
        };
        Self { scheme, authority, host }
    }

    /// A different port.
    fn other_port(&self) -> u16 {
        if self.authority.ends_with(":8444") { 8445 } else { 8444 }
    }
}
