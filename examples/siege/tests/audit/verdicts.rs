//! Verdicts on servers that stop an attack, and on servers that do not.

use std::{
    collections::BTreeMap,
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    sync::atomic::{AtomicU32, Ordering},
    thread,
};

use siege::audit::{Plan, Report, Verdict};
use tungstenite::handshake::derive_accept_key;

use crate::{
    loose::{Loose, token},
    server::{BURST, BYTES, HANDSHAKES, OWN, SILENCE, SIZE, SOCKETS, Server},
};

/// Tokens, and the options with their files.
pub(crate) struct Tokens {
    pub(crate) good: Vec<String>,
    pub(crate) words: Vec<String>,
}

/// A valid token, one that expires soon, and one that has expired.
pub(crate) fn tokens() -> Tokens {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let folder = std::env::temp_dir().join(format!("siege-audit-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let good = vec![token(3600), token(90)];
    let mut words = Vec::new();
    let expired = token(-3600);
    let options = ["--token-file", "--short-token-file", "--expired-token-file"];
    for (option, token) in options.iter().zip(good.iter().chain([&expired])) {
        let file = folder.join(NEXT.fetch_add(1, Ordering::Relaxed).to_string());
        fs::write(&file, format!("{token}\n")).unwrap();
        words.extend([(*option).to_owned(), file.display().to_string()]);
    }
    Tokens { good, words }
}

/// The arguments of an audit, with what the operator knows.
pub(crate) fn words(url: &str, tokens: &Tokens, more: &str) -> Vec<String> {
    let facts = format!(
        "{url} --origin {OWN} --token-in cookie:session --beside /api --message hello --burst {BURST} --rate 10 --size \
         {SIZE} --bytes {BYTES} --sockets {SOCKETS} --handshakes {HANDSHAKES} --silence {SILENCE}"
    );
    let facts = facts.split_whitespace().map(str::to_owned);
    facts
        .chain(tokens.words.iter().cloned())
        .chain(more.split('|').filter(|word| !word.is_empty()).map(str::to_owned))
        .collect()
}

fn audit(server: &Server, tokens: &Tokens, more: &str) -> Report {
    Report::of(Plan::parse(&words(&server.url(), tokens, more)).unwrap(), |_| {}).unwrap()
}

/// The verdict on each attack.
fn verdicts(report: &Report) -> BTreeMap<&'static str, (Verdict, String)> {
    report
        .findings()
        .into_iter()
        .map(|found| (found.attack(), (found.verdict(), found.observed().to_owned())))
        .collect()
}

/// Attacks that the small server cannot influence, which have separate tests.
fn is_otherwise(attack: &str) -> bool {
    ["no encryption", "token in the address"].contains(&attack) || attack.ends_with(" over HTTP/2")
}

/// All attacks except legitimate clients and those above.
fn attacks(report: &Report) -> Vec<&'static str> {
    let found = report.findings().into_iter().filter(|found| found.verdict() != Verdict::Served);
    found.map(siege::audit::Finding::attack).filter(|name| !is_otherwise(name)).collect()
}

#[test]
fn a_server_that_stops_everything_lets_nothing_through_and_serves_its_own_page() {
    let tokens = tokens();
    // The short token has a separate test: its attack waits until it expires.
    let server = Server::start(Loose::Nothing, tokens.good.clone());
    let report = audit(&server, &tokens, "--skip|outlived token");
    for (attack, (verdict, observed)) in verdicts(&report) {
        let expected = match attack {
            "own page"
            | "half a burst"
            | "message at the limit"
            | "own page again"
            | "client that talks and answers pings" => Verdict::Served,
            "no encryption" => Verdict::Unclear,
            _ if attack.ends_with(" over HTTP/2") => Verdict::NotRun,
            _ => Verdict::Stopped,
        };
        assert_eq!(verdict, expected, "{attack}: {observed}");
        assert_eq!(
            observed == "not offered: WebSockets over HTTP/2 are not offered",
            expected == Verdict::NotRun,
            "{observed}"
        );
    }
    assert!(!report.has_failed(false));
    let agents = server.agents();
    assert!(agents.iter().all(|agent| agent.contains("portcullis-siege") && agent.contains("audit")), "{agents:?}");
}

#[test]
fn a_server_that_stops_nothing_lets_everything_through() {
    let tokens = tokens();
    let server = Server::start(Loose::Everything, tokens.good.clone());
    let report = audit(&server, &tokens, "--skip|outlived token");
    assert!(attacks(&report).len() > 45);
    for attack in attacks(&report) {
        let (verdict, observed) = &verdicts(&report)[attack];
        assert_eq!(*verdict, Verdict::Through, "{attack}: {observed}");
    }
    assert!(report.has_failed(false));
}

#[test]
fn a_single_attack_that_is_not_stopped_gets_through() {
    let listed = tokens();
    let server = Server::start(Loose::Everything, listed.good.clone());
    let plan = Plan::parse(&words(&server.url(), &listed, "")).unwrap();
    let names: Vec<&'static str> = plan.names().into_iter().filter(|name| !is_otherwise(name)).collect();
    thread::scope(|scope| {
        for part in names.chunks(names.len().div_ceil(8)) {
            scope.spawn(move || part.iter().for_each(|name| alone(name)));
        }
    });
}

/// Runs one attack against a server that lets only this one through.
fn alone(attack: &'static str) {
    let mut tokens = tokens();
    if attack == "outlived token" {
        tokens.good[1] = token(3);
        fs::write(&tokens.words[3], &tokens.good[1]).unwrap();
    }
    let server = Server::start(Loose::Only(attack), tokens.good.clone());
    let report = audit(&server, &tokens, &format!("--only|{attack}"));
    // Other names may contain this one.
    let (verdict, observed) = &verdicts(&report)[attack];
    let expected = if POLITE.contains(&attack) { Verdict::Served } else { Verdict::Through };
    assert_eq!(*verdict, expected, "{attack}: {observed}");
}

const POLITE: [&str; 5] =
    ["own page", "half a burst", "message at the limit", "client that talks and answers pings", "own page again"];

#[test]
fn a_server_that_checks_expiry_stops_a_socket_that_outlives_its_token() {
    let mut tokens = tokens();
    tokens.good[1] = token(3);
    fs::write(&tokens.words[3], &tokens.good[1]).unwrap();
    let server = Server::start(Loose::Only("nothing is said"), tokens.good.clone());
    let report = audit(&server, &tokens, "--only|outlived token");
    let (verdict, observed) = &verdicts(&report)["outlived token"];
    assert_eq!(*verdict, Verdict::Stopped, "{observed}");
    assert!(observed.contains("3000"), "{observed}");
}

#[test]
fn what_cannot_be_seen_from_outside_is_unclear() {
    let tokens = tokens();
    let server = Server::mute(Loose::Everything, tokens.good.clone());
    let report = audit(&server, &tokens, "--only|message flood|--only|answers unread|--only|over the limit");
    let verdicts = verdicts(&report);
    for (attack, expected) in [
        ("message flood", Verdict::Unclear),
        ("answers unread", Verdict::Unclear),
        ("message over the limit", Verdict::Through),
    ] {
        assert_eq!(verdicts[attack].0, expected, "{attack}: {}", verdicts[attack].1);
    }
    assert!(report.has_failed(true) && !audit(&server, &tokens, "--only|message flood").has_failed(false));
}

/// A server that serves only the first client.
fn serving_one() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for (at, mut stream) in listener.incoming().map_while(Result::ok).enumerate() {
            let mut part = [0; 4096];
            let read = stream.read(&mut part).unwrap();
            let head = String::from_utf8_lossy(&part[..read]).into_owned();
            if at > 0 {
                stream.write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n").unwrap();
                continue;
            }
            let key = head.lines().find_map(|line| line.strip_prefix("sec-websocket-key: ")).unwrap();
            let accept = derive_accept_key(key.as_bytes());
            write!(stream, "HTTP/1.1 101 Switching Protocols\r\nsec-websocket-accept: {accept}\r\n\r\n").unwrap();
            while stream.read(&mut part).is_ok_and(|read| read > 0) {
                stream.write_all(b"\x81\x05hello").unwrap();
            }
        }
    });
    address
}

#[test]
fn a_server_that_refuses_every_client_fails_and_is_not_attacked_further() {
    let line = format!("ws://{}/ws --only null --only own", serving_one());
    let words: Vec<_> = line.split_whitespace().map(str::to_owned).collect();
    let report = Report::of(Plan::parse(&words).unwrap(), |_| {}).unwrap();
    let verdicts = verdicts(&report);
    for (attack, expected, reason) in [
        ("own page", Verdict::TurnedAway, "HTTP 403"),
        ("null origin", Verdict::NotRun, "the server turned its own page away after \"own page\""),
        ("own page again", Verdict::TurnedAway, "HTTP 403, after \"own page\""),
    ] {
        let (verdict, observed) = &verdicts[attack];
        assert_eq!((*verdict, observed.as_str()), (expected, reason), "{attack}");
    }
    assert!(report.has_failed(false));
}
