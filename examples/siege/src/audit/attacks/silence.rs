//! Clients that are gone, that are idle, that never finish, or that do not read.

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
    raw::{PATIENCE, Raw, Received, frame, frames},
};

const SEATS: &str = "clients that do nothing use up all sockets";

pub(super) const ALL: &[Attack] = &[
    slow("handshake never finished", SEATS, |client| {
        let mut raw = client.dial()?;
        let handshake = client.handshake().bytes();
        raw.send(handshake.strip_suffix(b"\r\n").unwrap_or(&handshake))?;
        Ok(watched(client, raw, "open after"))
    }),
    slow("nothing is said", SEATS, |client| Ok(watched(client, client.open()?.answering_pings(), "open after"))),
    slow("pings unanswered", "sockets of clients that are long gone are never freed", |client| {
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

/// Checks whether a client that does nothing more is closed in time.
fn watched(client: &Client, mut raw: Raw, open: &str) -> Judged {
    let time = client.limits.watch();
    let received = raw.exchange(&[], time, |_| false);
    match ended(&received) {
        Some(how) => Judged::stopped(how),
        None if received.pings == 0 => Judged::through(format!("{open} {} s, without a ping", time.as_secs())),
        None => Judged::through(format!("{open} {} s and {} pings", time.as_secs(), received.pings)),
    }
}

/// The pause between the bytes of a message that never ends.
const PAUSE: Duration = Duration::from_millis(500);

/// Sends fragments of one byte, and answers pings.
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

/// Requests much data without reading it. Reading at the end shows what the server did about it.
fn unread(client: &Client) -> Result<Judged> {
    if !client.behaviour().answers {
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
    let received = raw.exchange(&bytes[sent..], caps::ATTACK.saturating_sub(begin.elapsed()).min(LATER), is_over);
    Ok(judged(&received, sent, bytes.len()))
}

fn is_over(received: &Received) -> bool {
    received.pong == MARK
}

/// The size of one message, and of all.
const LARGE: usize = 32 * 1024;
const MUCH: usize = 24 * 1024 * 1024;

/// How long all requested data may take to arrive.
const LATER: Duration = Duration::from_secs(15);

fn judged(received: &Received, sent: usize, all: usize) -> Judged {
    let took = format!("{} of {} KiB taken", sent / 1024, all / 1024);
    match ended(received) {
        Some(how) => Judged::stopped(format!("{how}, {took}")),
        None if received.pong == MARK => Judged::through(format!("everything was buffered, {took}")),
        None => Judged::unclear(format!("open and silent, {took}")),
    }
}
