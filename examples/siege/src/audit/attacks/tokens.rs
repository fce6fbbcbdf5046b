//! Clients without a valid token of their own.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::super::{
    attack::{Attack, Load},
    caps,
    client::{Client, Talk, ended},
    facts::Place,
    group::{EXPIRY, Group, LOGS, SIGNATURE, TOKEN},
    token::Jwt,
    verdict::Judged,
};
use crate::Result;

pub(super) const ALL: &[Attack] = &[
    attack("no token", &TOKEN, "anyone can use the service", none),
    attack("garbage for a token", &TOKEN, "anyone who sends some text can use the service", garbage),
    attack("altered token", &SIGNATURE, "a user becomes an administrator", altered),
    attack("unsigned token", &SIGNATURE, "anyone can write a token with `alg: none`", |client| {
        with_jwt(client, |jwt| judge(client, &jwt.unsigned()))
    }),
    attack(
        "another's signature",
        &SIGNATURE,
        "anyone can write a token, because the signature is not verified",
        |client| with_jwt(client, |jwt| judge(client, &jwt.forged())),
    ),
    attack("expired token", &EXPIRY, "a token that leaked long ago is valid forever", |client| {
        match &client.facts.expired {
            Some(token) => judge(client, token),
            None => Ok(Judged::not_run("no expired token was given: --expired-token-file")),
        }
    }),
    attack("outlived token", &EXPIRY, "a client that connected in time stays forever, signed out or not", outlived),
    attack("token in the address", &LOGS, "anyone who reads an access log can sign in as any user", |client| {
        with_own(client, |_| Ok(in_address(&client.facts.place)))
    }),
];

const fn attack(
    name: &'static str,
    group: &'static Group,
    harm: &'static str,
    run: fn(&Client) -> Result<Judged>,
) -> Attack {
    Attack { name, group, harm, load: Load::Light, run }
}

pub(super) fn none(client: &Client) -> Result<Judged> {
    with_own(client, |_| client.judge(&client.handshake_with(None)))
}

pub(super) fn garbage(client: &Client) -> Result<Judged> {
    with_own(client, |_| judge(client, "garbage"))
}

pub(super) fn altered(client: &Client) -> Result<Judged> {
    with_own(client, |token| match Jwt::parse(token) {
        Some(jwt) => judge(client, &jwt.altered()),
        None => judge(client, &last_changed(token)),
    })
}

fn with_own(client: &Client, run: impl FnOnce(&str) -> Result<Judged>) -> Result<Judged> {
    client.facts.token.as_deref().map_or_else(|| Ok(Judged::not_run("no token was given")), run)
}

fn with_jwt(client: &Client, run: impl FnOnce(Jwt<'_>) -> Result<Judged>) -> Result<Judged> {
    with_own(client, |token| {
        Jwt::parse(token).map_or_else(|| Ok(Judged::not_run("the token is not a signed JWT")), run)
    })
}

fn judge(client: &Client, token: &str) -> Result<Judged> {
    client.judge(&client.handshake_with(Some(token)))
}

/// The same token with a different last character.
fn last_changed(token: &str) -> String {
    let mut changed = token.to_owned();
    let last = changed.pop();
    changed.push(if last == Some('A') { 'B' } else { 'A' });
    changed
}

/// Opens a socket in time, and checks whether it is closed when its token expires.
fn outlived(client: &Client) -> Result<Judged> {
    let Some(token) = client.facts.short.as_deref() else {
        return Ok(Judged::not_run("no token that expires soon was given: --short-token-file"));
    };
    let Some(expires) = Jwt::parse(token).and_then(|jwt| jwt.expires()) else {
        return Ok(Judged::not_run("the short token is not a JWT, or never expires"));
    };
    let wait = Duration::from_secs(expires).saturating_sub(SystemTime::now().duration_since(UNIX_EPOCH)?);
    if wait.is_zero() || wait + GRACE > caps::ATTACK {
        return Ok(Judged::not_run(format!("the short token is valid for {} s", wait.as_secs())));
    }
    let mut raw = client.open_with(&client.handshake_with(Some(token)))?.answering_pings();
    let received = raw.exchange(&[], wait + GRACE, |_| false);
    Ok(match ended(&received) {
        Some(how) => Judged::stopped(format!("{how} once the token had expired")),
        None => match client.say(&mut raw) {
            Talk::Ended(how) => Judged::stopped(how),
            Talk::Answered => Judged::through("answered after the token had expired"),
            Talk::Silent if client.behaviour().answers => {
                Judged::unclear("open after the token had expired, and silent")
            }
            Talk::Silent => Judged::through("open after the token had expired"),
        },
    })
}

fn in_address(place: &Place) -> Judged {
    match place {
        Place::Query(_) => Judged::unclear("it is in the query: what is logged cannot be seen from outside"),
        _ => Judged::stopped("it is not in the address"),
    }
}

/// The leeway that a server may allow for clock differences.
const GRACE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::{super::super::Verdict, *};

    #[test]
    fn a_token_in_the_query_may_be_in_logs() {
        for (place, verdict) in [
            (Place::Query("token".to_owned()), Verdict::Unclear),
            (Place::Cookie("session".to_owned()), Verdict::Stopped),
            (Place::Bearer, Verdict::Stopped),
            (Place::Message, Verdict::Stopped),
        ] {
            assert_eq!(in_address(&place).verdict, verdict, "{place:?}");
        }
    }
}
