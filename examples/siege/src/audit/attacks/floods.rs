//! Floods: more of everything than a client may send.

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
    raw::{Received, frame, sequences},
};

const APPLICATION: &str = "one client keeps the application busy with its messages";
const BELOW: &str = "one client keeps a processor busy below the application, which never sees a message";

pub(super) const ALL: &[Attack] = &[
    flood("message flood", APPLICATION, messages),
    flood("byte flood", "one client uses up bandwidth and memory", bytes),
    flood("ping flood", BELOW, pings),
    flood("pong flood", BELOW, |client| control(client, &frames(CONTROL, 0x8a, b"pong"))),
    flood("one-byte fragment flood", BELOW, |client| control(client, &sequences::tiny_fragments(CONTROL))),
    flood("empty continuation flood", BELOW, |client| control(client, &sequences::empty_continuations(CONTROL))),
];

const fn flood(name: &'static str, harm: &'static str, run: fn(&Client) -> Result<Judged>) -> Attack {
    Attack { name, group: &RATE, harm, load: Load::Heavy, run }
}

/// More control frames than any limit should allow: two less than the cap, for the frames around them.
const CONTROL: usize = caps::FRAMES - 2;

/// How long a server may take for a flood. A slow server is not a limited one.
const LONG: Duration = Duration::from_secs(20);

pub(super) fn pings(client: &Client) -> Result<Judged> {
    control(client, &frames(CONTROL, 0x89, b"ping"))
}

/// Sends frames that are not messages. The pong after them shows that they were read.
fn control(client: &Client, bytes: &[u8]) -> Result<Judged> {
    let received = client.volley(bytes, LONG)?;
    Ok(match ended(&received) {
        Some(how) => Judged::stopped(how),
        None if received.pong == MARK => Judged::through(format!("all {CONTROL} frames were read")),
        None => {
            Judged::unclear(format!("open and silent, and {} bytes of {} were not taken", received.unsent, bytes.len()))
        }
    })
}

pub(super) fn messages(client: &Client) -> Result<Judged> {
    let count = client.limits.flood();
    let bytes = frames(count, 0x81, client.facts.message.as_bytes());
    answered(client, &bytes, count, |time| client.limits.messages_in(time))
}

/// Sends few but large messages, twice the limit in bytes. A limit on messages lets them through.
fn bytes(client: &Client) -> Result<Judged> {
    let Some(limit) = client.limits.bytes else {
        return Ok(Judged::not_run("no limit on bytes was given: --bytes"));
    };
    // Half of the burst, if that is enough for the bytes.
    let size = (2 * limit).div_ceil((client.limits.burst / 2).max(1)).max(1024).min(client.limits.size);
    let count = (2 * limit).div_ceil(size);
    let mut bytes = Vec::new();
    for _ in 0..count.min(caps::FRAMES) {
        frame(&mut bytes, 0x81, &client.facts.message_of(size));
    }
    let allowed = (limit / size) as u64 + 1;
    answered(client, &bytes, count, |_| allowed)
}

/// Sends messages at once, and counts the answers. If the server does not answer messages, waits for the pong.
fn answered(client: &Client, bytes: &[u8], count: usize, allowed: impl Fn(Duration) -> u64) -> Result<Judged> {
    let mut raw = client.open()?;
    if !client.behaviour().answers {
        return Ok(unanswered(&marked(&mut raw, bytes, LONG)));
    }
    let begin = Instant::now();
    let received = raw.exchange(bytes, LONG, |received| received.messages >= count as u64);
    let (time, answers) = (begin.elapsed(), received.messages);
    let count_answered = format!("{answers} of {count} messages answered in {:.1} s", time.as_secs_f32());
    Ok(match ended(&received) {
        _ if answers > allowed(time) => Judged::through(count_answered),
        Some(how) => Judged::stopped(format!("{how}, {count_answered}")),
        None => Judged::stopped(format!("held back: {count_answered}")),
    })
}

fn unanswered(received: &Received) -> Judged {
    match ended(received) {
        Some(how) => Judged::stopped(how),
        None => Judged::unclear(
            "this server answers nothing, so it cannot be seen whether its application got the messages",
        ),
    }
}
