//! Requests that one program takes for a handshake, and another in front of it does not.

use super::super::{
    attack::{Attack, Load},
    client::{Client, Entry, not_upgraded},
    group::SMUGGLING,
    hello::Hello,
    verdict::Judged,
};
use crate::Result;

pub(super) const ALL: &[Attack] = &[
    odd("no Connection header", "what a proxy does not take for an upgrade reaches the server as one", |client| {
        send(client, &client.hello().set("connection", "keep-alive"))
    }),
    odd("look-alike Connection", "a search for `upgrade` finds it in the name of another header", |client| {
        send(client, &client.hello().set("connection", "x-upgrade-x"))
    }),
    odd("no key", "a plain request is taken for a handshake: browsers keep pages from sending a key", |client| {
        send(client, &client.hello().without("sec-websocket-key"))
    }),
    odd("short key", "a request that no WebSocket client made is taken for a handshake", |client| {
        send(client, &client.hello().set("sec-websocket-key", "c2hvcnQ="))
    }),
    odd("another version", "client and server speak different protocols over one connection", |client| {
        send(client, &client.hello().set("sec-websocket-version", "8"))
    }),
    odd("handshake by POST", "what a proxy allows or logs for GET does not hold", |client| {
        send(client, &client.hello().by("POST").with("content-length", "0"))
    }),
    odd("handshake over HTTP/1.0", "a proxy hands the connection to the next client", |client| {
        send(client, &client.hello().over("HTTP/1.0"))
    }),
    odd("upgrade to h2c", "a tunnel through the proxy, past its rules for single requests", |client| {
        let hello = client.hello().set("connection", "Upgrade, HTTP2-Settings").set("upgrade", "h2c");
        send(client, &hello.with("http2-settings", "AAMAAABkAAQAoAAAAAIAAAAA"))
    }),
];

const fn odd(name: &'static str, harm: &'static str, run: fn(&Client) -> Result<Judged>) -> Attack {
    Attack { name, group: &SMUGGLING, harm, load: Load::Light, run }
}

/// Sends what is no handshake, and must not be answered as one.
fn send(client: &Client, hello: &Hello) -> Result<Judged> {
    Ok(match client.enter(hello)? {
        Entry::Open(..) => Judged::through("HTTP 101"),
        Entry::Refused(answer) => not_upgraded(&answer),
        Entry::Ended(how) => Judged::stopped(how),
    })
}
