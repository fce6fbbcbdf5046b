//! The same attacks over HTTP/2 (RFC 8441), if the server offers it: checks of `Upgrade`, and limits in the HTTP/1.1
//! path, do not apply there.

use super::{
    super::{
        attack::{Attack, Load},
        caps,
        client::Client,
        group::{FRAMES, Group, ORIGIN, RATE, SIGNATURE, SIZE, TOKEN},
        verdict::{Judged, Verdict},
    },
    floods, frames, origins, sizes, tokens,
};
use crate::{Result, raw::sequences};

const PAGE: &str = "any site that a user visits talks to the server, because browsers use HTTP/2";
const ANYONE: &str = "anyone can use the service over HTTP/2";
const FRAMING: &str = "the server reads something else than a proxy in front of it that uses HTTP/2";
const MEMORY: &str = "a few streams of one connection fill the memory of the server";
const BUSY: &str = "one client keeps a processor busy over streams that are not counted";

pub(super) const ALL: &[Attack] = &[
    light("foreign page over HTTP/2", &ORIGIN, PAGE, |client| {
        served(client, |client| origins::from(client, "https://evil.example"))
    }),
    light("own name as a suffix over HTTP/2", &ORIGIN, PAGE, |client| served(client, origins::suffixed)),
    light("null origin over HTTP/2", &ORIGIN, PAGE, |client| served(client, |client| origins::from(client, "null"))),
    light("no token over HTTP/2", &TOKEN, ANYONE, |client| served(client, tokens::none)),
    light("garbage for a token over HTTP/2", &TOKEN, ANYONE, |client| served(client, tokens::garbage)),
    light("altered token over HTTP/2", &SIGNATURE, ANYONE, |client| served(client, tokens::altered)),
    light("unmasked frame over HTTP/2", &FRAMES, FRAMING, |client| {
        served(client, |client| frames::send(client, sequences::UNMASKED))
    }),
    light("reserved bit over HTTP/2", &FRAMES, FRAMING, |client| {
        served(client, |client| frames::send(client, &sequences::reserved_bit()))
    }),
    light("reserved opcode over HTTP/2", &FRAMES, FRAMING, |client| {
        served(client, |client| frames::send(client, &caps::frames(1, 0x83, b"hello")))
    }),
    light("2^62 bytes declared over HTTP/2", &SIZE, MEMORY, |client| served(client, sizes::declared)),
    light("message over the limit over HTTP/2", &SIZE, MEMORY, |client| served(client, sizes::over)),
    heavy("message flood over HTTP/2", BUSY, |client| served(client, floods::messages)),
    heavy("ping flood over HTTP/2", BUSY, |client| served(client, floods::pings)),
];

const fn light(
    name: &'static str,
    group: &'static Group,
    harm: &'static str,
    run: fn(&Client) -> Result<Judged>,
) -> Attack {
    Attack { name, group, harm, load: Load::Light, run }
}

const fn heavy(name: &'static str, harm: &'static str, run: fn(&Client) -> Result<Judged>) -> Attack {
    Attack { name, group: &RATE, harm, load: Load::Heavy, run }
}

/// Runs an attack over HTTP/2, if the server serves its own page over it.
fn served(client: &Client, run: fn(&Client) -> Result<Judged>) -> Result<Judged> {
    if let Err(why) = client.dial_http2() {
        return Ok(Judged::not_run(format!("not offered: {why}")));
    }
    let client = client.over_http2();
    let own = client.judge(&client.handshake())?;
    if own.verdict != Verdict::Through {
        return Ok(Judged::not_run(format!("the own page is not served over HTTP/2: {}", own.observed)));
    }
    run(&client)
}
