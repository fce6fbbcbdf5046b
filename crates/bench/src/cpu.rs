//! What the server's process spends on a message, a handshake and a refusal: user and system time of its one thread.
//! Unlike a rate, that does not depend on how fast the client is.

use std::{io, time::Duration};

use crate::{child::Server, client::Http, load::Load, measure::Use, plan::Plan, report, side::Side};

/// A size of the read buffer in KiB, and messages that come alone.
const DOCUMENTED: &str = "buffered/128";
const TUNED: &str = "buffered/4";

/// A server, the path that its clients ask for, and what the way is called.
type Way = (Side, &'static str, &'static str);

/// bare as axum documents it, bare with a smaller read buffer, and that guarded.
const WAYS: [Way; 4] = [
    (Side::Bare, DOCUMENTED, "bare, 128 KiB"),
    (Side::Bare, TUNED, "bare, 4 KiB"),
    (Side::Core, TUNED, "core, 4 KiB"),
    (Side::Every, TUNED, "every, 4 KiB"),
];

const BY_STATUS: [Way; 2] = [(Side::ByHand, "flush", "by hand"), (Side::Token, "flush", "layer")];
const BY_CLOSE: [Way; 2] = [(Side::ByHandClose, "flush", "by hand"), (Side::TokenClose, "flush", "layers")];

/// Handshakes, or refusals, that are under way at once.
const AT_ONCE: usize = 8;

/// Measures and prints.
pub(crate) fn compare(plan: &Plan) -> io::Result<()> {
    report::cpu_head(plan.cpu_rounds);
    let echo = |http, connections| move |path| Use::Echo { http, path, connections, load: Load::new(16, 1) };
    let handshakes = |http| move |path| Use::Handshakes { http, path, at_once: AT_ONCE };
    let refusals = |_| Use::Refusals { at_once: AT_ONCE };
    row(plan, "message, 1 connection", &WAYS, echo(Http::One, 1))?;
    row(plan, "message, 100 connections", &WAYS, echo(Http::One, 100))?;
    row(plan, "message, HTTP/2", &WAYS, echo(Http::Two, 100))?;
    row(plan, "handshake", &WAYS, handshakes(Http::One))?;
    row(plan, "handshake, HTTP/2", &WAYS, handshakes(Http::Two))?;
    row(plan, "handshake with HS256", &BY_STATUS, handshakes(Http::One))?;
    row(plan, "refused with a status", &BY_STATUS, refusals)?;
    row(plan, "refused by a close", &BY_CLOSE, refusals)
}

fn row(plan: &Plan, name: &str, ways: &[Way], using: impl Fn(&'static str) -> Use) -> io::Result<()> {
    let servers = ways.iter().map(|(side, ..)| Server::start(*side)).collect::<io::Result<Vec<_>>>()?;
    let uses: Vec<_> = ways.iter().map(|(_, path, _)| using(path)).collect();
    let mut micros = vec![Vec::new(); ways.len()];
    // Each round begins with another way; the first warms them up.
    for round in 0..=plan.cpu_rounds {
        for turn in 0..ways.len() {
            let way = (round + turn) % ways.len();
            let each = each(&servers[way], &uses[way], plan.cpu_span)?;
            if round > 0 {
                micros[way].push(each);
            }
        }
    }
    report::cpu(name, &ways.iter().map(|(.., way)| *way).zip(micros).collect::<Vec<_>>());
    Ok(())
}

/// Microseconds of one.
pub(crate) fn each(server: &Server, what: &Use, span: Duration) -> io::Result<f64> {
    let (count, [before, after]) = what.count(server.addr, span, || server.cpu())?;
    let count = u32::try_from(count.max(1)).map_err(io::Error::other)?;
    Ok(after.saturating_sub(before).as_secs_f64() * 1e6 / f64::from(count))
}
