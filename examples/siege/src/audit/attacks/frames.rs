//! Frames that RFC 6455 does not allow.

use super::super::{
    attack::{Attack, Load},
    caps::frames,
    client::{Client, MARK, ended},
    group::FRAMES,
    verdict::Judged,
};
use crate::{
    Result,
    raw::{End, PATIENCE, frame, sequences},
    saw::Saw,
};

const FRAMING: &str = "what the server reads differs from what a proxy before it does";
const GARBAGE: &str = "an application is handed what its code believes impossible";

pub(super) const ALL: &[Attack] = &[
    broken("unmasked frame", FRAMING, |client| send(client, sequences::UNMASKED)),
    broken("reserved bit", FRAMING, |client| send(client, &sequences::reserved_bit())),
    broken("reserved opcode", FRAMING, |client| send(client, &frames(1, 0x83, b"hello"))),
    broken("control frame of 126 bytes", FRAMING, |client| send(client, &frames(1, 0x89, &[b'a'; 126]))),
    broken("control frame in fragments", FRAMING, |client| send(client, &frames(1, 0x09, b"ping"))),
    broken("continuation of nothing", GARBAGE, |client| send(client, &frames(1, 0x80, b"hello"))),
    broken("message inside a message", GARBAGE, |client| {
        let mut bytes = frames(1, 0x01, b"begin");
        frame(&mut bytes, 0x81, client.facts.message.as_bytes());
        send(client, &bytes)
    }),
    broken("text that is not UTF-8", GARBAGE, |client| send(client, &frames(1, 0x81, b"\xc3\x28"))),
    broken("illegal close code", GARBAGE, close),
];

const fn broken(name: &'static str, harm: &'static str, run: fn(&Client) -> Result<Judged>) -> Attack {
    Attack { name, group: &FRAMES, harm, load: Load::Light, run }
}

/// Sends what fails a connection, and a ping that must not be answered any more.
pub(super) fn send(client: &Client, bytes: &[u8]) -> Result<Judged> {
    let mut raw = client.open()?;
    let mut all = bytes.to_vec();
    frame(&mut all, 0x89, MARK);
    let heard = raw.exchange(&all, PATIENCE, |heard| heard.messages > 0 || heard.pong == MARK);
    if heard.messages > 0 {
        return Ok(Judged::through("answered as a message"));
    }
    if let Some(how) = ended(&heard) {
        return Ok(Judged::stopped(how));
    }
    // A library may answer pings before its application reads what was before them.
    let later = raw.exchange(&[], PATIENCE, |heard| heard.messages > 0);
    Ok(match ended(&later) {
        Some(how) => Judged::stopped(how),
        None if later.messages > 0 => Judged::through("answered as a message"),
        None if heard.pong == MARK => Judged::through("read over: a ping behind it was answered"),
        None => Judged::unclear("open and silent"),
    })
}

/// Closes with a code that is not to be on any wire.
fn close(client: &Client) -> Result<Judged> {
    let heard = client.open()?.exchange(&frames(1, 0x88, &1005_u16.to_be_bytes()), PATIENCE, |_| false);
    let saw = Saw::from(heard.clone());
    Ok(match heard.end {
        Some(End::Closed(_)) if saw == Saw::BrokenClose => Judged::through("the illegal code came back"),
        Some(_) => Judged::stopped(saw.to_string()),
        None => Judged::unclear("open and silent"),
    })
}
