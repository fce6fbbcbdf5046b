//! The legitimate clients that must be served: first, last, and between any two attacks.

use std::{
    thread,
    time::{Duration, Instant},
};

use super::super::{
    attack::{Attack, Load},
    client::{Client, Entry, Talk, ended},
    group::POLITE,
    verdict::Judged,
};
use crate::{
    Result,
    raw::{PATIENCE, frames},
};

const NEEDED: &str = "none: this is what the server is for";

pub(super) const FIRST: &[Attack] = &[
    legitimate("own page", greet),
    legitimate("half a burst", burst),
    legitimate("message at the limit", |client| {
        send(client, &frames(1, 0x81, &client.facts.message_of(client.limits.size)), 1)
    }),
];

pub(super) const LAST: &[Attack] = &[
    Attack { load: Load::Slow, ..legitimate("client that talks and answers pings", stay) },
    legitimate("own page again", |client| {
        Ok(control(client).map_or_else(Judged::turned_away, |()| Judged::served("answered")))
    }),
];

const fn legitimate(name: &'static str, run: fn(&Client) -> Result<Judged>) -> Attack {
    Attack { name, group: &POLITE, harm: NEEDED, load: Load::Light, run }
}

/// How long a server may take to recover from an attack.
const RECOVERY: Duration = Duration::from_secs(25);

/// The pause between two attempts.
const PAUSE: Duration = Duration::from_millis(500);

/// Checks that a legitimate client is served, possibly after a while. Returns how it was turned away, if not.
pub(in crate::audit) fn control(client: &Client) -> std::result::Result<(), String> {
    let deadline = Instant::now() + RECOVERY;
    loop {
        let how = match greet(client) {
            Ok(judged) if judged.verdict == super::super::Verdict::Served => return Ok(()),
            Ok(judged) => judged.observed,
            Err(error) => error.to_string(),
        };
        if Instant::now() > deadline {
            return Err(how);
        }
        thread::sleep(PAUSE);
    }
}

/// Sends a handshake and a message.
fn greet(client: &Client) -> Result<Judged> {
    let handshake = client.handshake();
    Ok(match client.enter(&handshake)? {
        Entry::Open(mut raw, _) => match client.talk(&mut raw, &handshake) {
            Talk::Answered => Judged::served("answered"),
            Talk::Silent if client.behaviour().answers => Judged::turned_away("its message was not answered"),
            Talk::Silent => Judged::served("open"),
            Talk::Ended(how) => Judged::turned_away(how),
        },
        Entry::Refused(answer) => Judged::turned_away(format!("HTTP {}", answer.status)),
        Entry::Ended(how) => Judged::turned_away(how),
    })
}

/// Sends half of the burst.
fn burst(client: &Client) -> Result<Judged> {
    let count = (client.limits.burst / 2).max(1);
    send(client, &frames(count, 0x81, client.facts.message.as_bytes()), count as u64)
}

/// Sends messages, each of which must be answered if the server answers any.
fn send(client: &Client, bytes: &[u8], count: u64) -> Result<Judged> {
    let expected = if client.behaviour().answers { count } else { u64::MAX };
    let received =
        client.open()?.answering_pings().exchange(bytes, 2 * PATIENCE, |received| received.messages >= expected);
    Ok(match ended(&received) {
        _ if received.messages >= expected => Judged::served(format!("{count} answered")),
        Some(how) => Judged::turned_away(how),
        None if client.behaviour().answers => Judged::turned_away(format!("{} of {count} answered", received.messages)),
        None => Judged::served("open"),
    })
}

/// Talks for longer than the limit on silence.
fn stay(client: &Client) -> Result<Judged> {
    let mut raw = client.open()?.answering_pings();
    let time = client.limits.watch();
    let end = Instant::now() + time;
    while Instant::now() < end {
        match client.say(&mut raw) {
            Talk::Answered => {}
            Talk::Silent if !client.behaviour().answers => {}
            Talk::Silent => return Ok(Judged::turned_away("its message was not answered")),
            Talk::Ended(how) => return Ok(Judged::turned_away(how)),
        }
        if let Some(how) = ended(&raw.exchange(&[], 2 * PAUSE, |_| false)) {
            return Ok(Judged::turned_away(how));
        }
    }
    Ok(Judged::served(format!("{} s of talk", time.as_secs())))
}
