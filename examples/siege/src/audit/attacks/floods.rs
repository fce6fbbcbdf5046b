//! More of everything than a client may send.

use std::time::{Duration, Instant};

use super::super::{
    attack::{Attack, Load},
    caps::{self, frames},
    client::{Client, MARK, ended, marked},
    group::RATE,
    verdict::Judged,
};
use crate::{
    Result,
    raw::{Heard, frame, sequences},
};

const APPLICATION: &str = "one client keeps the application busy with its messages";
const BELOW: &str = "one client keeps a processor busy below the application, which never sees a message";

pub(super) const ALL: &[Attack] = &[
    flood("message flood", APPLICATION, messages),
    flood("byte flood", "one client takes the bandwidth and memory of all", bytes),
    flood("ping flood", BELOW, pings),
    flood("pong flood", BELOW, |client| control(client, &frames(CONTROL, 0x8a, b"pong"))),
    flood("one-byte fragment flood", BELOW, |client| control(client, &sequences::tiny_fragments(CONTROL))),
    flood("empty continuation flood", BELOW, |client| control(client, &sequences::empty_continuations(CONTROL))),
];

const fn flood(name: &'static str, harm: &'static str, run: fn(&Client) -> Result<Judged>) -> Attack {
    Attack { name, group: &RATE, harm, load: Load::Heavy, run }
}

/// Frames that no limit is believed to let through: two less than an attack may have, for those around them.
const CONTROL: usize = caps::FRAMES - 2;

/// How long a server may take for a flood. A slow one is not a limited one.
const LONG: Duration = Duration::from_secs(20);

pub(super) fn pings(client: &Client) -> Result<Judged> {
    control(client, &frames(CONTROL, 0x89, b"ping"))
}

/// Frames that are no messages: what comes of them is seen by the pong behind them.
fn control(client: &Client, bytes: &[u8]) -> Result<Judged> {
    let heard = client.volley(bytes, LONG)?;
    Ok(match ended(&heard) {
        Some(how) => Judged::stopped(how),
        None if heard.pong == MARK => Judged::through(format!("all {CONTROL} frames were read")),
        None => {
            Judged::unclear(format!("open and silent, and {} bytes of {} were not taken", heard.unsent, bytes.len()))
        }
    })
}

pub(super) fn messages(client: &Client) -> Result<Judged> {
    let count = client.limits.flood();
    let bytes = frames(count, 0x81, client.facts.message.as_bytes());
    answered(client, &bytes, count, |time| client.limits.messages_in(time))
}

/// Few messages, and large ones, twice as many bytes as may be. A limit of messages lets them through.
fn bytes(client: &Client) -> Result<Judged> {
    let Some(limit) = client.limits.bytes else {
        return Ok(Judged::not_run("no limit of bytes was stated: --bytes"));
    };
    // Half of the messages that may be sent at once, if that is enough for the bytes.
    let size = (2 * limit).div_ceil((client.limits.burst / 2).max(1)).max(1024).min(client.limits.size);
    let count = (2 * limit).div_ceil(size);
    let mut bytes = Vec::new();
    for _ in 0..count.min(caps::FRAMES) {
        frame(&mut bytes, 0x81, &client.facts.message_of(size));
    }
    let allowed = (limit / size) as u64 + 1;
    answered(client, &bytes, count, |_| allowed)
}

/// Sends messages at once, and counts their answers. Where nothing is answered, the pong behind them is awaited.
fn answered(client: &Client, bytes: &[u8], count: usize, allowed: impl Fn(Duration) -> u64) -> Result<Judged> {
    let mut raw = client.open()?;
    if !client.manners().answers {
        return Ok(unanswered(&marked(&mut raw, bytes, LONG)));
    }
    let begin = Instant::now();
    let heard = raw.exchange(bytes, LONG, |heard| heard.messages >= count as u64);
    let (time, answers) = (begin.elapsed(), heard.messages);
    let said = format!("{answers} of {count} messages answered in {:.1} s", time.as_secs_f32());
    Ok(match ended(&heard) {
        _ if answers > allowed(time) => Judged::through(said),
        Some(how) => Judged::stopped(format!("{how}, {said}")),
        None => Judged::stopped(format!("held back: {said}")),
    })
}

fn unanswered(heard: &Heard) -> Judged {
    match ended(heard) {
        Some(how) => Judged::stopped(how),
        None => Judged::unclear("this server answers nothing: whether its application got the messages is not seen"),
    }
}
