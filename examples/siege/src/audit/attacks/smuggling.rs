//! Requests that a server takes for a handshake, but a proxy in front of it does not.

use super::super::{
    attack::{Attack, Load},
    client::{Client, Entry, not_upgraded},
    group::SMUGGLING,
    handshake::Handshake,
    verdict::Judged,
};
use crate::Result;

pub(super) const ALL: &[Attack] = &[
    odd(
        "no Connection header",
        "a request that a proxy does not treat as an upgrade reaches the server as one",
        |client| send(client, &client.handshake().set("connection", "keep-alive")),
    ),
    odd("look-alike Connection", "a search for `upgrade` finds it in the name of another header", |client| {
        send(client, &client.handshake().set("connection", "x-upgrade-x"))
    }),
    odd("no key", "a plain request is taken for a handshake: browsers do not let pages send a key", |client| {
        send(client, &client.handshake().without("sec-websocket-key"))
    }),
    odd("short key", "a request that no WebSocket client made is taken for a handshake", |client| {
        send(client, &client.handshake().set("sec-websocket-key", "c2hvcnQ="))
    }),
    odd("another version", "client and server speak different protocols over one connection", |client| {
        send(client, &client.handshake().set("sec-websocket-version", "8"))
    }),
    odd("handshake by POST", "rules and logs of a proxy for GET do not apply", |client| {
        send(client, &client.handshake().by("POST").with("content-length", "0"))
    }),
    odd("handshake over HTTP/1.0", "a proxy hands the connection to the next client", |client| {
        send(client, &client.handshake().over("HTTP/1.0"))
    }),
    odd("upgrade to h2c", "a tunnel through the proxy, past its rules for single requests", |client| {
        let handshake = client.handshake().set("connection", "Upgrade, HTTP2-Settings").set("upgrade", "h2c");
        send(client, &handshake.with("http2-settings", "AAMAAABkAAQAoAAAAAIAAAAA"))
    }),
];

const fn odd(name: &'static str, harm: &'static str, run: fn(&Client) -> Result<Judged>) -> Attack {
    Attack { name, group: &SMUGGLING, harm, load: Load::Light, run }
}

/// Sends a request that is not a handshake and must not be answered as one.
fn send(client: &Client, handshake: &Handshake) -> Result<Judged> {
    Ok(match client.enter(handshake)? {
        Entry::Open(..) => Judged::through("HTTP 101"),
        Entry::Refused(answer) => not_upgraded(&answer),
        Entry::Ended(how) => Judged::stopped(how),
    })
}
