//! The servers, and what a legitimate client of each knows.

use std::{env, path::Path, process::Command};

use crate::{Result, install::servers};

/// A server of the comparison.
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    run: Run,
    pub(crate) client: Words,
    /// Whether nginx stands in front of it.
    pub(crate) behind_nginx: bool,
}

#[derive(Clone, Copy)]
enum Run {
    /// A file for Python, as first shown or hardened.
    Python(&'static str, &'static str),
    Node(&'static str, &'static str),
    /// A server of this package.
    Own(&'static str),
    /// The one that is built separately, in its own workspace.
    Governor,
}

/// How a client talks to a server.
#[derive(Clone, Copy)]
pub(crate) struct Words {
    pub(crate) path: &'static str,
    /// The place of the token, for `siege audit`; empty if there is no token.
    pub(crate) token_in: &'static str,
    /// The first messages; `{token}` is the token.
    pub(crate) first: &'static str,
    pub(crate) message: &'static str,
    /// What is in the answer.
    pub(crate) answer: &'static str,
    /// A ping that is a text message, and the reply to it.
    pub(crate) reply: &'static str,
}

const PLAIN: Words = Words { path: "/ws", token_in: "bearer", first: "", message: "hello", answer: "hello", reply: "" };
const FIRST: Words = Words { token_in: "message", first: "{token}", ..PLAIN };
const COOKIE: Words = Words { token_in: "cookie:session", ..PLAIN };
const NO_TOKEN: Words = Words { token_in: "", ..PLAIN };
const SOCKET_IO: Words = Words {
    path: "/socket.io/?EIO=4&transport=websocket",
    token_in: "query:token",
    first: "40",
    message: r#"42["message","hello"]"#,
    answer: r#"42["message""#,
    reply: "2=3",
};

const fn peer(name: &'static str, run: Run, client: Words) -> Peer {
    Peer { name, run, client, behind_nginx: false }
}

const fn behind_nginx(name: &'static str, run: Run, client: Words) -> Peer {
    Peer { name, run, client, behind_nginx: true }
}

pub(crate) const OURS: &str = "Portcullis";

pub(crate) const ALL: [Peer; 15] = [
    peer(OURS, Run::Own("ours"), COOKIE),
    peer("axum, checks by hand", Run::Own("by-hand"), PLAIN),
    peer("axum, tower_governor", Run::Governor, NO_TOKEN),
    peer("websockets, first", Run::Python("py_websockets.py", "first"), FIRST),
    peer("websockets, hardened", Run::Python("py_websockets.py", "hardened"), FIRST),
    peer("FastAPI, first", Run::Python("py_fastapi.py", "first"), PLAIN),
    peer("FastAPI, hardened", Run::Python("py_fastapi.py", "hardened"), PLAIN),
    behind_nginx("nginx, FastAPI first", Run::Python("py_fastapi.py", "first"), PLAIN),
    behind_nginx("nginx, FastAPI hardened", Run::Python("py_fastapi.py", "hardened"), PLAIN),
    peer("socket.io, first", Run::Node("node_socketio.js", "first"), SOCKET_IO),
    peer("socket.io, hardened", Run::Node("node_socketio.js", "hardened"), SOCKET_IO),
    peer("plain sockets, first", Run::Python("py_sockets.py", "first"), NO_TOKEN),
    peer("plain sockets, hardened", Run::Python("py_sockets.py", "hardened"), NO_TOKEN),
    peer("Tornado, first", Run::Python("py_tornado.py", "first"), COOKIE),
    peer("Tornado, hardened", Run::Python("py_tornado.py", "hardened"), COOKIE),
];

/// The servers whose names contain one of these texts, or all.
pub(crate) fn chosen(names: &[&str]) -> Result<Vec<&'static Peer>> {
    static PEERS: [Peer; 15] = ALL;
    let has = |peer: &&Peer| names.is_empty() || names.iter().any(|name| peer.name.contains(name));
    let chosen: Vec<_> = PEERS.iter().filter(has).collect();
    if chosen.is_empty() { Err(format!("there is no server {names:?}").into()) } else { Ok(chosen) }
}

impl Peer {
    /// The command that starts it on a port, with a burst.
    pub(crate) fn command(&self, folder: &Path, port: u16, burst: usize) -> Result<Command> {
        let mut command = match self.run {
            Run::Python(file, mode) => {
                let mut command = Command::new(folder.join("venv/bin/python3"));
                // The folder of the servers is of the repository.
                command.env("PYTHONDONTWRITEBYTECODE", "1");
                command.arg(servers().join(file)).args([&port.to_string(), mode]);
                command
            }
            Run::Node(file, mode) => {
                let mut command = Command::new("node");
                command.env("PEERS_NODE", folder.join("node")).arg(servers().join(file));
                command.args([&port.to_string(), mode]);
                command
            }
            Run::Own(which) => {
                let mut command = Command::new(env::current_exe()?);
                command.args(["serve", which, &port.to_string()]);
                command
            }
            Run::Governor => {
                let mut command = Command::new(folder.join("governor/release/peer-governor"));
                command.arg(port.to_string());
                command
            }
        };
        command.arg(burst.to_string());
        Ok(command)
    }
}
