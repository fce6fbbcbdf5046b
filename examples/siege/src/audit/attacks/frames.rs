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
    observation::Observation,
    raw::{End, PATIENCE, frame, sequences},
};

const FRAMING: &str = "the server reads something else than a proxy in front of it";
const GARBAGE: &str = "the application receives what its code assumes to be impossible";

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

/// Sends bytes that must fail the connection, and a ping that must not be answered any more.
pub(super) fn send(client: &Client, bytes: &[u8]) -> Result<Judged> {
    let mut raw = client.open()?;
    let mut all = bytes.to_vec();
    frame(&mut all, 0x89, MARK);
    let received = raw.exchange(&all, PATIENCE, |received| received.messages > 0 || received.pong == MARK);
    if received.messages > 0 {
        return Ok(Judged::through("answered as a message"));
    }
    if let Some(how) = ended(&received) {
        return Ok(Judged::stopped(how));
    }
    // A library may answer pings before the application reads what came before them.
    let later = raw.exchange(&[], PATIENCE, |received| received.messages > 0);
    Ok(match ended(&later) {
        Some(how) => Judged::stopped(how),
        None if later.messages > 0 => Judged::through("answered as a message"),
        None if received.pong == MARK => Judged::through("ignored: a ping after it was answered"),
        None => Judged::unclear("open and silent"),
    })
}

/// Closes with a code that must not be sent.
fn close(client: &Client) -> Result<Judged> {
    let received = client.open()?.exchange(&frames(1, 0x88, &1005_u16.to_be_bytes()), PATIENCE, |_| false);
    let observed = Observation::from(received.clone());
    Ok(match received.end {
        Some(End::Closed(_)) if observed == Observation::BrokenClose => Judged::through("the illegal code came back"),
        Some(_) => Judged::stopped(observed.to_string()),
        None => Judged::unclear("open and silent"),
    })
}
