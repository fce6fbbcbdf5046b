//! A small server that also speaks HTTP/2, with separate rules for it.

use std::{collections::BTreeMap, net::SocketAddr};

use axum::{
    Router,
    extract::Request,
    http::{StatusCode, Version},
    response::{IntoResponse, Response},
    routing::any,
};
use hyper_util::rt::TokioIo;
use portcullis_core::frame::{FrameHeader, Opcode, put_frame};
use siege::audit::{Plan, Report, Verdict};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tungstenite::handshake::derive_accept_key;

use crate::{
    loose::{Loose, takes},
    server::{BURST, OWN, SIZE},
    verdicts::{tokens, words},
};

const CONTROL: usize = 500;

/// Starts a server that is strict over HTTP/1.1, and lets these attacks through over HTTP/2.
async fn start(loose: Loose, good: Vec<String>) -> SocketAddr {
    let answer = move |request: Request| std::future::ready(answer(request, loose, &good));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/ws", any(answer))).await });
    address
}

fn answer(mut request: Request, loose: Loose, good: &[String]) -> Response {
    let http2 = request.version() == Version::HTTP_2;
    let loose = if http2 { loose.over_http2() } else { Loose::Nothing };
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    let foreign = match header("origin") {
        Some(OWN) => None,
        Some("null") => Some("null origin"),
        Some(origin) if origin.ends_with("chat.example") => Some("own name as a suffix"),
        _ => Some("foreign page"),
    };
    if foreign.is_some_and(|attack| !loose.lets(attack)) {
        return StatusCode::FORBIDDEN.into_response();
    }
    if !takes(loose, header("cookie").and_then(|cookie| cookie.strip_prefix("session=")), good) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let key = header("sec-websocket-key").map(|key| derive_accept_key(key.as_bytes()));
    let upgraded = hyper::upgrade::on(&mut request);
    tokio::spawn(async move { Connection { io: TokioIo::new(upgraded.await.unwrap()), loose }.serve().await });
    match key {
        None => StatusCode::OK.into_response(),
        Some(accept) => {
            let switch = [("connection", "upgrade"), ("upgrade", "websocket"), ("sec-websocket-accept", &accept)];
            (StatusCode::SWITCHING_PROTOCOLS, switch).into_response()
        }
    }
}

struct Connection {
    io: TokioIo<hyper::upgrade::Upgraded>,
    loose: Loose,
}

#[derive(Default)]
struct Counts {
    messages: usize,
    pings: usize,
}

impl Connection {
    /// Echoes, until a rule is broken.
    async fn serve(mut self) {
        let (mut buffer, mut counts) = (Vec::new(), Counts::default());
        while self.io.read_buf(&mut buffer).await.is_ok_and(|read| read > 0) {
            while let Some(header) = FrameHeader::parse(&buffer) {
                if let Some(code) = self.broken(header) {
                    return self.close(code).await;
                }
                let end = header.payload_len().saturating_add(header.len() as u64);
                if end > buffer.len() as u64 {
                    break;
                }
                // The attacker masks with zeros.
                let frame: Vec<u8> = buffer.drain(..usize::try_from(end).unwrap()).collect();
                if let Some(code) = self.over(header, &mut counts) {
                    return self.close(code).await;
                }
                let mut out = Vec::new();
                match header.opcode() {
                    Opcode::TEXT => put_frame(&mut out, 0x81, &frame[header.len()..], None),
                    Opcode::PING => put_frame(&mut out, 0x8a, &frame[header.len()..], None),
                    Opcode::CLOSE => return self.close(1000).await,
                    _ => {}
                }
                if self.io.write_all(&out).await.is_err() {
                    return;
                }
            }
        }
    }

    /// The close code for an invalid frame.
    fn broken(&self, header: FrameHeader) -> Option<u16> {
        let large = header.payload_len() > SIZE as u64;
        let huge = header.payload_len() > 1 << 40;
        let rules = [
            ("unmasked frame", header.mask().is_none(), 1002),
            ("reserved bit", header.rsv1() || header.rsv2_or_3(), 1002),
            ("reserved opcode", header.opcode().is_reserved(), 1002),
            ("2^62 bytes declared", huge, 1009),
            ("message over the limit", large && !huge, 1009),
        ];
        rules.iter().find(|(attack, broken, _)| *broken && !self.loose.lets(attack)).map(|(.., code)| *code)
    }

    /// The close code for too many frames.
    fn over(&self, header: FrameHeader, counts: &mut Counts) -> Option<u16> {
        counts.messages += usize::from(header.opcode() == Opcode::TEXT);
        counts.pings += usize::from(header.opcode() == Opcode::PING);
        let rules = [("message flood", counts.messages > BURST), ("ping flood", counts.pings > CONTROL)];
        rules.iter().any(|(attack, broken)| *broken && !self.loose.lets(attack)).then_some(1008)
    }

    async fn close(mut self, code: u16) {
        let mut out = Vec::new();
        put_frame(&mut out, 0x88, &code.to_be_bytes(), None);
        // The client may be gone.
        let _sent = self.io.write_all(&out).await.is_ok() && self.io.shutdown().await.is_ok();
        let _ended = tokio::io::copy(&mut self.io, &mut tokio::io::sink()).await;
    }
}

/// The verdicts on attacks over HTTP/2 against such a server.
async fn verdicts(loose: Loose, only: &str) -> BTreeMap<&'static str, (Verdict, String)> {
    let tokens = tokens();
    let address = start(loose, tokens.good.clone()).await;
    let plan = Plan::parse(&words(&format!("ws://{address}/ws"), &tokens, &format!("--only|{only}"))).unwrap();
    let report = tokio::task::spawn_blocking(|| Report::of(plan, |_| {}).unwrap()).await.unwrap();
    report
        .findings()
        .into_iter()
        .map(|found| (found.attack(), (found.verdict(), found.observed().to_owned())))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_equally_strict_over_http_2_stops_everything() {
    let found = verdicts(Loose::Nothing, " over HTTP/2").await;
    assert_eq!(found.len(), 13);
    for (attack, (verdict, observed)) in found {
        assert_eq!(verdict, Verdict::Stopped, "{attack}: {observed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn checks_for_only_one_version_of_http_are_found() {
    for (attack, (verdict, observed)) in verdicts(Loose::Everything, " over HTTP/2").await {
        assert_eq!(verdict, Verdict::Through, "{attack}: {observed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_single_attack_that_is_not_stopped_over_http_2_gets_through() {
    let all = verdicts(Loose::Nothing, " over HTTP/2").await;
    for attack in all.into_keys() {
        let (verdict, observed) = &verdicts(Loose::Only(attack), attack).await[attack];
        assert_eq!(*verdict, Verdict::Through, "{attack}: {observed}");
    }
}
