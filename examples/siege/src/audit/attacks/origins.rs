//! Pages that are not the server's own.

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
    page("own name in a path", "a search for your name finds it in the attacker's address", |client| {
        let own = Own::of(client);
        from(client, &format!("{}://evil.example/{}", own.scheme, own.authority))
    }),
    page("own name but for a dot", "a regular expression's dot is any letter, which an attacker registers", |client| {
        let own = Own::of(client);
        if !own.authority.contains('.') {
            return Ok(Judged::not_run("the own name has no dot"));
        }
        from(client, &format!("{}://{}", own.scheme, own.authority.replacen('.', "x", 1)))
    }),
    page("own name, other scheme", "who can change an unencrypted page of yours owns the encrypted one", |client| {
        let own = Own::of(client);
        if own.scheme != "https" {
            return Ok(Judged::not_run("the own page is not encrypted"));
        }
        from(client, &format!("http://{}", own.authority))
    }),
    page("own name, other port", "another program on the same host acts for your page", |client| {
        let own = Own::of(client);
        from(client, &format!("{}://{}:{}", own.scheme, own.host, own.other_port()))
    }),
    page("null origin", "any site puts a page into a sandboxed frame, whose origin is `null`", |client| {
        from(client, "null")
    }),
    page("two origins", "one part of the server reads the first header, another the last", |client| {
        let hello = client.hello().with("origin", "https://evil.example");
        client.judge(&hello)
    }),
    page("no origin", "a credential that a browser adds by itself is used without any page", missing),
];

const fn page(name: &'static str, harm: &'static str, run: fn(&Client) -> Result<Judged>) -> Attack {
    Attack { name, group: &ORIGIN, harm, load: Load::Light, run }
}

pub(super) fn from(client: &Client, origin: &str) -> Result<Judged> {
    client.judge(&client.hello().set("origin", origin))
}

pub(super) fn suffixed(client: &Client) -> Result<Judged> {
    let own = Own::of(client);
    from(client, &format!("{}://evil{}", own.scheme, own.authority))
}

/// Browsers always send one, so that it is no attack by itself; a cookie is a browser's.
fn missing(client: &Client) -> Result<Judged> {
    let hello = client.hello().without("origin");
    if matches!(client.facts.place, Place::Cookie(_)) && client.facts.token.is_some() {
        return client.judge(&hello);
    }
    Ok(match client.enter(&hello)? {
        Entry::Open(mut raw, _) => match client.talk(&mut raw, &hello) {
            Talk::Ended(how) => Judged::stopped(format!("HTTP 101, then {how}")),
            _ => Judged::unclear("HTTP 101, which no page can get: whether other clients should, its operator knows"),
        },
        Entry::Refused(answer) => super::super::client::not_upgraded(&answer),
        Entry::Ended(how) => Judged::stopped(how),
    })
}

/// The own page's origin.
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

    /// A port that is not the own one.
    fn other_port(&self) -> u16 {
        if self.authority.ends_with(":8444") { 8445 } else { 8444 }
    }
}
