//! What a client sends to a library, in the library's protocol.

use crate::client::Hello;

/// The first byte of a frame, and its payload.
pub type Frame = (u8, Vec<u8>);

/// Frames that are sent at once, and the number of messages and control frames in response.
pub struct Step {
    /// The name of the step.
    pub name: &'static str,
    /// The frames.
    pub frames: Vec<Frame>,
    /// How many messages and control frames come back, in any order.
    pub answers: usize,
}

/// The script of a client.
pub struct Script {
    /// The handshake.
    pub hello: Hello,
    /// How many messages the server sends unasked.
    pub greetings: usize,
    /// The start of the protocol. Answers may differ between connections.
    pub begin: Vec<Step>,
    /// Legal traffic, which must be answered the same guarded and bare.
    pub legal: Vec<Step>,
    /// A message of a flood.
    pub flood: Frame,
}

/// The step that needs a library that compresses.
const COMPRESSED: &str = "compressed";

/// A mebibyte of text.
pub fn mebibyte() -> String {
    "mebibyte".repeat(128 * 1024)
}

/// One step.
pub fn step(name: &'static str, answers: usize, frames: impl IntoIterator<Item = (u8, Vec<u8>)>) -> Step {
    Step { name, frames: frames.into_iter().collect(), answers }
}

/// A text.
pub fn text(text: impl Into<String>) -> Frame {
    (0x81, text.into().into_bytes())
}

/// A message in fragments, with a ping between, and pings by themselves.
pub fn fragmented(first: u8, message: &str, answers: usize) -> [Step; 2] {
    let (head, tail) = message.split_at(message.len() / 2);
    let frames =
        [(first & 0x0f, head.as_bytes().to_vec()), (0x89, b"between".to_vec()), (0x80, tail.as_bytes().to_vec())];
    [step("fragments", answers + 1, frames), step("ping", 1, [(0x89, b"ping".to_vec())])]
}

impl Script {
    /// For servers that echo.
    pub fn echo() -> Self {
        let mut legal = vec![
            step("text", 1, [text("hello")]),
            step("binary", 1, [(0x82, vec![0, 255, 7])]),
            step("empty", 1, [text("")]),
            step("1 MiB", 1, [text(mebibyte())]),
        ];
        legal.extend(fragmented(0x81, "in two parts", 1));
        Self {
            hello: Hello { path: "/", headers: Vec::new(), heartbeat: None },
            greetings: 0,
            begin: Vec::new(),
            legal,
            flood: text("flood"),
        }
    }

    /// For servers that echo and compress: messages are sent as stored blocks (RFC 1951, section 3.2.4).
    pub fn compressing() -> Self {
        let mut script = Self::echo();
        let offer = "permessage-deflate; client_no_context_takeover; server_no_context_takeover";
        script.hello.headers.push(("sec-websocket-extensions", offer.to_owned()));
        let stored = [&[0, 5, 0, !5, 0xff], &b"hello"[..], &[0]].concat();
        script.legal.push(step(COMPRESSED, 1, [(0xc1, stored)]));
        script
    }

    /// Without the steps that need compression.
    pub fn uncompressed(mut self) -> Self {
        self.hello.headers.retain(|(name, _)| *name != "sec-websocket-extensions");
        self.legal.retain(|step| step.name != COMPRESSED);
        self
    }

    /// For Socket.IO.
    pub fn socket_io() -> Self {
        let event = |payload: &str| text(format!("42[\"say\",\"{payload}\"]"));
        let attachment = text(r#"451-["bytes",{"_placeholder":true,"num":0}]"#);
        let mut legal = vec![
            step("text", 1, [event("hello")]),
            step("binary", 2, [attachment, (0x82, vec![0, 255, 7])]),
            step("empty", 1, [event("")]),
            step("1 MiB", 1, [event(&mebibyte())]),
        ];
        legal.extend(fragmented(0x81, r#"42["say","in two parts"]"#, 1));
        Self {
            hello: Hello {
                path: "/socket.io/?EIO=4&transport=websocket",
                headers: Vec::new(),
                heartbeat: Some(("2", "3")),
            },
            greetings: 1,
            begin: vec![step("connect", 1, [text("40")])],
            legal,
            flood: event("flood"),
        }
    }

    /// For JSON-RPC.
    pub fn json_rpc() -> Self {
        let call = |payload: &str| format!(r#"{{"jsonrpc":"2.0","id":1,"method":"say","params":["{payload}"]}}"#);
        let mut legal = vec![
            step("text", 1, [text(call("hello"))]),
            step("binary", 1, [(0x82, call("hello").into_bytes())]),
            step("empty", 1, [text("")]),
            step("1 MiB", 1, [text(call(&mebibyte()))]),
        ];
        legal.extend(fragmented(0x81, &call("in two parts"), 1));
        Self {
            hello: Hello { path: "/", headers: Vec::new(), heartbeat: None },
            greetings: 0,
            begin: Vec::new(),
            legal,
            flood: text(call("flood")),
        }
    }

    /// For graphql-transport-ws.
    pub fn graphql() -> Self {
        let ask = |payload: &str| {
            let query = r#""query":"subscription($text: String!) { say(text: $text) }""#;
            format!(r#"{{"id":"1","type":"subscribe","payload":{{{query},"variables":{{"text":"{payload}"}}}}}}"#)
        };
        let mut legal = vec![
            step("text", 2, [text(ask("hello"))]),
            step("binary", 2, [(0x82, ask("hello").into_bytes())]),
            step("empty", 2, [text(ask(""))]),
            step("1 MiB", 2, [text(ask(&mebibyte()))]),
        ];
        legal.extend(fragmented(0x81, &ask("in two parts"), 2));
        Self {
            hello: Hello {
                path: "/",
                headers: vec![("sec-websocket-protocol", "graphql-transport-ws".to_owned())],
                heartbeat: None,
            },
            greetings: 0,
            begin: vec![step("connection_init", 1, [text(r#"{"type":"connection_init"}"#)])],
            legal,
            flood: text(r#"{"type":"ping"}"#),
        }
    }
}
