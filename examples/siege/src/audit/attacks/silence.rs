//! Clients that are gone, that are there for nothing, that do not come to an end, or that do not read.

use std::time::{Duration, Instant};

use super::super::{
    attack::{Attack, Load},
    caps,
    client::{Client, MARK, ended},
    group::SILENCE,
    verdict::Judged,
};
use crate::{
    Result,
    raw::{Heard, PATIENCE, Raw, frame, frames},
};

const SEATS: &str = "clients that do nothing take every socket that there is";

pub(super) const ALL: &[Attack] = &[
    slow("handshake never finished", SEATS, |client| {
        let mut raw = client.dial()?;
        let hello = client.hello().bytes();
        raw.send(hello.strip_suffix(b"\r\n").unwrap_or(&hello))?;
        Ok(watched(client, raw, "open after"))
    }),
    slow("nothing is said", SEATS, |client| Ok(watched(client, client.open()?.answering_pings(), "open after"))),
    slow("pings unanswered", "sockets of clients that are long gone are never given back", |client| {
        Ok(watched(client, client.open()?, "open, and no pong for"))
    }),
    slow("message byte by byte", "a message that never ends holds its memory and its socket", drip),
    Attack {
        name: "answers unread",
        group: &SILENCE,
        harm: "what a client does not read fills the memory of the server",
        load: Load::SlowAndHeavy,
        run: unread,
    },
];

const fn slow(name: &'static str, harm: &'static str, run: fn(&Client) -> Result<Judged>) -> Attack {
    Attack { name, group: &SILENCE, harm, load: Load::Slow, run }
}

/// Looks whether a client that does nothing more is sent away in time.
fn watched(client: &Client, mut raw: Raw, open: &str) -> Judged {
    let time = client.limits.watch();
    let heard = raw.exchange(&[], time, |_| false);
    match ended(&heard) {
        Some(how) => Judged::stopped(how),
        None if heard.pings == 0 => Judged::through(format!("{open} {} s, without a ping", time.as_secs())),
        None => Judged::through(format!("{open} {} s and {} pings", time.as_secs(), heard.pings)),
    }
}

/// Between the bytes of a message that never ends.
const PAUSE: Duration = Duration::from_millis(500);

/// A fragment of one byte after another, with a pong wherever one is due.
fn drip(client: &Client) -> Result<Judged> {
    let mut raw = client.open()?.answering_pings();
    let time = client.limits.watch();
    let end = Instant::now() + time;
    let mut first = 0x01;
    while Instant::now() < end {
        if let Some(how) = ended(&raw.exchange(&frames(1, first, b"a"), PAUSE, |_| false)) {
            return Ok(Judged::stopped(how));
        }
        first = 0x00;
    }
    Ok(Judged::through(format!("open after {} s of one message", time.as_secs())))
}

/// Asks for much and reads nothing. What a server does about it is seen when everything is read at last.
fn unread(client: &Client) -> Result<Judged> {
    if !client.manners().answers {
        return Ok(Judged::unclear("this server answers nothing, so there is nothing to leave unread"));
    }
    let begin = Instant::now();
    let size = client.limits.size.min(LARGE);
    let message = frames(1, 0x81, &client.facts.message_of(size));
    let mut bytes: Vec<u8> = message.iter().copied().cycle().take(MUCH / message.len() * message.len()).collect();
    frame(&mut bytes, 0x89, MARK);
    let mut raw = client.open_narrow()?;
    let sent = raw.stuff(&bytes, PATIENCE)?;
    std::thread::sleep(client.limits.watch().saturating_sub(begin.elapsed()));
    let heard = raw.exchange(&bytes[sent..], caps::ATTACK.saturating_sub(begin.elapsed()).min(LATER), is_over);
    Ok(judged(&heard, sent, bytes.len()))
}

fn is_over(heard: &Heard) -> bool {
    heard.pong == MARK
}

/// Of one message, and of all.
const LARGE: usize = 32 * 1024;
const MUCH: usize = 24 * 1024 * 1024;

/// How long all that was asked for may take to come.
const LATER: Duration = Duration::from_secs(15);

fn judged(heard: &Heard, sent: usize, all: usize) -> Judged {
    let took = format!("{} of {} KiB taken", sent / 1024, all / 1024);
    match ended(heard) {
        Some(how) => Judged::stopped(format!("{how}, {took}")),
        None if heard.pong == MARK => Judged::through(format!("everything was kept for later, {took}")),
        None => Judged::unclear(format!("open and silent, {took}")),
    }
}
