//! Messages that are larger than the limit of the server's operator.

use flate2::{Compress, Compression, FlushCompress};

use super::super::{
    attack::{Attack, Load},
    caps::frames,
    client::{Client, Entry, MARK, Talk, ended, marked},
    group::{COMPRESSION, SIZE},
    verdict::Judged,
};
use crate::{
    Result,
    raw::{PATIENCE, Received, frame, sequences},
};

const MEMORY: &str = "a few clients fill the memory of the server";

pub(super) const ALL: &[Attack] = &[
    Attack { name: "2^62 bytes declared", group: &SIZE, harm: MEMORY, load: Load::Light, run: declared },
    Attack { name: "message over the limit", group: &SIZE, harm: MEMORY, load: Load::Light, run: over },
    Attack { name: "over the limit in fragments", group: &SIZE, harm: MEMORY, load: Load::Light, run: fragments },
    Attack {
        name: "compression bomb",
        group: &COMPRESSION,
        harm: "a few kilobytes become megabytes in the server's memory",
        load: Load::Heavy,
        run: bomb,
    },
];

/// Sends a header that declares 2^62 bytes, and more of them than the limit.
pub(super) fn declared(client: &Client) -> Result<Judged> {
    let mut bytes = sequences::declared();
    let over = bytes.len() + client.limits.size + 1;
    bytes.resize(over, 0);
    let received = client.open()?.exchange(&bytes, PATIENCE, |_| false);
    Ok(match ended(&received) {
        Some(how) => Judged::stopped(how),
        None if received.unsent > 0 => Judged::unclear("open, but not read up to the limit"),
        None => Judged::through(format!("open after {} bytes of it", over - sequences::declared().len())),
    })
}

pub(super) fn over(client: &Client) -> Result<Judged> {
    let message = client.facts.message_of(client.limits.size + 1);
    let mut raw = client.open()?;
    let received = taken(&mut raw, &frames(1, 0x81, &message));
    Ok(judge(client, &received))
}

fn fragments(client: &Client) -> Result<Judged> {
    let message = client.facts.message_of(client.limits.size + 1);
    let part = message.len().div_ceil(16);
    let mut bytes = Vec::new();
    for (at, part) in message.chunks(part).enumerate() {
        let first = u8::from(at == 0);
        let last = if at == 15 { 0x80 } else { 0 };
        frame(&mut bytes, first | last, part);
    }
    let mut raw = client.open()?;
    let received = taken(&mut raw, &bytes);
    Ok(judge(client, &received))
}

/// Receives the answer to a message, or to a ping after it.
fn taken(raw: &mut crate::raw::Raw, bytes: &[u8]) -> Received {
    let received = marked(raw, bytes, 2 * PATIENCE);
    if received.messages > 0 || received.end.is_some() {
        return received;
    }
    // The library answers the ping; the application answers the message later.
    let later = raw.exchange(&[], PATIENCE, |received| received.messages > 0);
    Received { messages: later.messages, end: later.end, ..received }
}

fn judge(client: &Client, received: &Received) -> Judged {
    match ended(received) {
        _ if received.messages > 0 => Judged::through("answered"),
        Some(how) => Judged::stopped(how),
        None if received.pong == MARK && !client.behaviour().answers => {
            Judged::through("ignored: a ping after it was answered")
        }
        None if received.pong == MARK => Judged::unclear("read, but not answered"),
        None => Judged::unclear("open and silent"),
    }
}

/// The inflated size of a bomb: many times the limit.
const INFLATED: usize = 8 * 1024 * 1024;

fn bomb(client: &Client) -> Result<Judged> {
    let handshake = client.handshake().with("sec-websocket-extensions", "permessage-deflate");
    let (mut raw, answer) = match client.enter(&handshake)? {
        Entry::Open(raw, answer) => (raw, answer),
        Entry::Refused(answer) => return Ok(super::super::client::not_upgraded(&answer)),
        Entry::Ended(how) => return Ok(Judged::stopped(how)),
    };
    if !answer.header("sec-websocket-extensions").is_some_and(|agreed| agreed.contains("permessage-deflate")) {
        return Ok(Judged::stopped("compression was declined"));
    }
    if let Talk::Ended(how) = client.talk(&mut raw, &handshake) {
        return Err(format!("the legitimate client was closed: {how}").into());
    }
    let bytes = frames(1, 0xc1, &deflated(&client.facts.message_of(INFLATED))?);
    let received = marked(&mut raw, &bytes, 2 * PATIENCE);
    Ok(match ended(&received) {
        Some(how) => Judged::stopped(how),
        None if received.pong == MARK => Judged::through(format!("{} bytes were taken for {INFLATED}", bytes.len())),
        None if received.messages + received.others > 0 => Judged::through("answered"),
        None => Judged::unclear("open and silent"),
    })
}

/// Compresses a payload as in RFC 7692, section 7.2.1: without the empty block at its end.
fn deflated(message: &[u8]) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(message.len() / 8 + 1024);
    Compress::new(Compression::best(), false).compress_vec(message, &mut out, FlushCompress::Sync)?;
    out.truncate(out.len() - if out.ends_with(&[0, 0, 0xff, 0xff]) { 4 } else { 0 });
    Ok(out)
}
