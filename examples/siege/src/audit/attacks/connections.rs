//! Clients that take more seats, or knock more often, than one may.

use std::time::{Duration, Instant};

use super::super::{
    attack::{Attack, Load},
    client::{Client, Entry, ended},
    group::CONNECTIONS,
    verdict::Judged,
};
use crate::raw::Raw;

pub(super) const ALL: &[Attack] = &[
    Attack {
        name: "connection flood",
        group: &CONNECTIONS,
        harm: "one client holds all sockets, and nobody else gets one",
        load: Load::Heavy,
        run: |client| Ok(hold(client)),
    },
    Attack {
        name: "handshake flood",
        group: &CONNECTIONS,
        harm: "one client keeps the server busy with handshakes and with their tokens",
        load: Load::Heavy,
        run: |client| Ok(knock(client)),
    },
];

/// How long handshakes are counted.
const WINDOW: Duration = Duration::from_secs(10);

/// What became of a handshake.
fn refusal(client: &Client) -> Result<Raw, String> {
    match client.enter(&client.hello()) {
        Ok(Entry::Open(raw, _)) => Ok(raw),
        Ok(Entry::Refused(answer)) => Err(format!("HTTP {}", answer.status)),
        Ok(Entry::Ended(how)) => Err(how),
        Err(error) => Err(error.to_string()),
    }
}

/// Holds one socket more than one client may.
fn hold(client: &Client) -> Judged {
    let mut held = Vec::new();
    for at in 0..=client.limits.sockets {
        match refusal(client) {
            Ok(raw) => held.push(raw.answering_pings()),
            Err(how) => return Judged::stopped(format!("{how} at socket {}", at + 1)),
        }
    }
    for (at, raw) in held.iter_mut().enumerate() {
        if let Some(how) = ended(&raw.exchange(&[], MOMENT, |_| false)) {
            return Judged::stopped(format!("socket {} of {} was closed: {how}", at + 1, client.limits.sockets + 1));
        }
    }
    Judged::through(format!("{} sockets at once", held.len()))
}

/// For what has come already.
const MOMENT: Duration = Duration::from_millis(5);

/// Makes twice as many handshakes as one client may, and leaves each time.
fn knock(client: &Client) -> Judged {
    let (begin, most) = (Instant::now(), 2 * client.limits.handshakes);
    let mut made = 0;
    let how = loop {
        if made == most || begin.elapsed() > WINDOW {
            break None;
        }
        match refusal(client) {
            Ok(_) => made += 1,
            Err(how) => break Some(how),
        }
    };
    let said = format!("{made} handshakes in {:.1} s", begin.elapsed().as_secs_f32());
    match how {
        _ if made > client.limits.handshakes => Judged::through(said),
        Some(how) => Judged::stopped(format!("{how} after {said}")),
        None => Judged::unclear(format!("no more than {said} could be made")),
    }
}
