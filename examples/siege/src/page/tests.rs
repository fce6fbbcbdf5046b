//! What a page observes of servers with one kind of response each.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    thread,
};

use serde_json::json;
use tungstenite::{
    WebSocket, accept_hdr,
    handshake::server::{Request, Response},
    protocol::CloseFrame,
};

use super::{OWN, Page, Visit};

/// What a page with a token observes of a server.
fn observe(serve: impl FnOnce(TcpStream) + Send + 'static) -> Page {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = thread::spawn(move || serve(listener.accept().unwrap().0));
    let page = Visit::new(address, "/", OWN).unwrap().bearer("token").observe().unwrap();
    server.join().unwrap();
    page
}

fn accept(stream: TcpStream, selected: Option<&str>) -> WebSocket<TcpStream> {
    #[allow(clippy::result_large_err, reason = "tungstenite's own type")]
    let select = |request: &Request, mut response: Response| {
        assert_eq!(request.headers()["origin"], OWN);
        assert_eq!(request.headers()["sec-websocket-protocol"], "bearer, token");
        if let Some(selected) = selected {
            response.headers_mut().insert("sec-websocket-protocol", selected.parse().unwrap());
        }
        Ok(response)
    };
    accept_hdr(stream, select).unwrap()
}

/// Accepts and closes.
fn close(stream: TcpStream, selected: Option<&str>, frame: Option<CloseFrame>) {
    let mut socket = accept(stream, selected);
    socket.close(frame).unwrap();
    // A page that accepted the frame answers it; otherwise it disconnects.
    let _reply = socket.read();
}

fn missing() -> CloseFrame {
    CloseFrame { code: 3000.into(), reason: "token missing".into() }
}

#[test]
fn every_response_that_is_not_an_upgrade_is_1006() {
    for status in ["200 OK", "301 Moved Permanently", "401 Unauthorized", "403 Forbidden", "503 Service Unavailable"] {
        let page = observe(move |mut stream| {
            let _request = stream.read(&mut [0; 4096]).unwrap();
            write!(stream, "HTTP/1.1 {status}\r\ncontent-length: 3\r\n\r\nwhy").unwrap();
        });
        assert_eq!(page, Page::failed(), "{status}");
    }
}

#[test]
fn an_accepted_handshake_that_is_closed_has_a_reason() {
    let page = observe(|stream| close(stream, Some("bearer"), Some(missing())));
    assert_eq!(page, Page::Closed { code: 3000, reason: "token missing".to_owned(), clean: true });
    let page = observe(|stream| close(stream, Some("bearer"), None));
    assert_eq!(page, Page::Closed { code: 1005, reason: String::new(), clean: true });
}

#[test]
fn a_handshake_that_selects_another_subprotocol_or_none_fails() {
    for selected in [None, Some("chat")] {
        let page = observe(move |stream| close(stream, selected, Some(missing())));
        assert_eq!(page, Page::failed(), "{selected:?}");
    }
}

#[test]
fn a_connection_that_ends_without_a_close_frame_is_1006() {
    let page = observe(|stream| drop(accept(stream, Some("bearer"))));
    assert_eq!(page, Page::failed());
}

#[test]
fn json_has_the_property_names_of_the_event() {
    let json = Page::closed(Some(1013), "server full").to_json();
    assert_eq!(json, json!({"event": "close", "code": 1013, "reason": "server full", "wasClean": true}));
    assert_eq!(Page::failed().to_json(), json!({"event": "close", "code": 1006, "reason": "", "wasClean": false}));
    assert_eq!(Page::Open.to_json(), json!({"event": "open"}));
}
