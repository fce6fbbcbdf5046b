//! Clients that hold more connections, or connect more often, than one client may.

use std::time::{Duration, Instant};

use super::super::{
    attack::{Attack, Load},
    client::{Client, Entry, ended, marked},
    group::CONNECTIONS,
    verdict::Judged,
};
use crate::raw::{PATIENCE, Raw};

pub(super) const ALL: &[Attack] = &[
    Attack {
        name: "connection flood",
        group: &CONNECTIONS,
        harm: "one client holds all sockets, and other clients get none",
        load: Load::Heavy,
        run: |client| Ok(hold(client)),
    },
    Attack {
        name: "handshake flood",
        group: &CONNECTIONS,
        harm: "one client keeps the server busy with handshakes and their tokens",
        load: Load::Heavy,
        run: |client| Ok(reconnect(client)),
    },
];

/// How long a slow server may take for all sockets.
const LONG: Duration = Duration::from_secs(40);

/// How long handshakes are counted.
const WINDOW: Duration = Duration::from_secs(10);

/// Opens a socket on which a ping is answered. Otherwise returns how it was refused: a server may accept a handshake
/// only to close it with a reason.
fn served(client: &Client) -> Result<Raw, String> {
    let mut raw = match client.enter(&client.handshake()) {
        Ok(Entry::Open(raw, _)) => raw.answering_pings(),
        Ok(Entry::Refused(answer)) => return Err(format!("HTTP {}", answer.status)),
        Ok(Entry::Ended(how)) => return Err(how),
        Err(error) => return Err(error.to_string()),
    };
    let received = marked(&mut raw, &[], PATIENCE);
    ended(&received).map_or(Ok(raw), Err)
}

/// Holds one socket more than the limit.
fn hold(client: &Client) -> Judged {
    let (begin, mut held) = (Instant::now(), Vec::new());
    for at in 0..=client.limits.sockets {
        if begin.elapsed() > LONG {
            return Judged::unclear(format!("only {at} sockets could be opened in {} s", LONG.as_secs()));
        }
        match served(client) {
            Ok(raw) => held.push(raw),
            Err(how) => return Judged::stopped(format!("{how} at socket {}", at + 1)),
        }
    }
    let all = held.len();
    for (at, raw) in held.iter_mut().enumerate().take_while(|_| begin.elapsed() < 2 * LONG) {
        if let Some(how) = ended(&marked(raw, &[], PATIENCE)) {
            return Judged::stopped(format!("socket {} of {all} was closed: {how}", at + 1));
        }
    }
    Judged::through(format!("{all} sockets at once"))
}

/// Makes twice as many handshakes as the limit, disconnecting each time.
fn reconnect(client: &Client) -> Judged {
    let (begin, most) = (Instant::now(), 2 * client.limits.handshakes);
    let mut made = 0;
    let how = loop {
        if made == most || begin.elapsed() > WINDOW {
            break None;
        }
        match served(client) {
            Ok(_) => made += 1,
            Err(how) => break Some(how),
        }
    };
    let count = format!("{made} handshakes in {:.1} s", begin.elapsed().as_secs_f32());
    match how {
        _ if made > client.limits.handshakes => Judged::through(count),
        Some(how) => Judged::stopped(format!("{how} after {count}")),
        None => Judged::unclear(format!("only {count} could be made")),
    }
}
