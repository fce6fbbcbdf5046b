//! The scripts, each one round trip: sent by their hash, and as a text where the server does not know it.
//!
//! A script is the only way to decide and write at once: everything that two nodes could decide against each other is
//! in one. They are Lua files in `scripts/`, each with its keys, arguments and answer in front. What they have in
//! common:
//!
//! - The time is the server's, asked for once. No script takes a time of day from a node, only how long something
//!   lasts.
//! - All keys are given as keys and have one hash tag, so that each script runs on a Redis Cluster.
//! - Numbers go into commands through `string.format('%.0f')`. Lua writes numbers with fourteen digits by itself, and a
//!   time in microseconds has sixteen.
//! - They can be repeated: an answer that is lost must not make the next attempt wrong.
//!
//! They are not loaded in advance and are not functions of the server: a server that is restarted forgets scripts, and
//! not every service allows functions.

use std::sync::LazyLock;

use redis::{Cmd, ErrorKind, FromRedisValue, RedisError, RedisResult, ServerErrorKind, ToRedisArgs};

use crate::link::Link;

macro_rules! scripts {
    ($($(#[$doc:meta])* $name:ident: $file:literal;)*) => {
        $($(#[$doc])* pub(crate) static $name: LazyLock<Script> =
            LazyLock::new(|| Script::new(include_str!(concat!("scripts/", $file))));)*
    };
}

scripts! {
    /// Renews a lease: `node/beat.rs`.
    BEAT: "beat.lua";
    /// Takes a permit if there is one: `permits/take.rs`.
    TAKE: "take.lua";
    /// Says which permits a node holds: `permits/report.rs`.
    SAY: "say.lua";
    /// Moves the oldest to those that must close: `permits/room.rs`.
    EVICT: "evict.lua";
    /// Writes into the inbox of a node.
    TELL: "tell.lua";
    /// Sets when those that must close are told again.
    AGAIN: "again.lua";
    /// Changes or states an allotment: `places.rs`.
    ALLOT: "allot.lua";
    /// Charges a handshake: `rate.rs`.
    CHARGE: "charge.lua";
    /// Buys messages: `quota.rs`.
    BUY: "buy.lua";
    /// Gives them back.
    SELL: "sell.lua";
    /// Tells all nodes: `bus/send.rs`.
    PUBLISH: "publish.lua";
    /// Looks at the stream and its data: `bus/look.rs`.
    EXTENT: "extent.lua";
    /// Reads a part of what is revoked: `bus/snapshot.rs`.
    SNAPSHOT: "snapshot.lua";
}

/// A script, and its hash.
pub(crate) struct Script {
    text: &'static str,
    hash: String,
}

impl Script {
    fn new(text: &'static str) -> Self {
        Self { text, hash: redis::Script::new(text).get_hash().to_owned() }
    }
}

/// Whether a script was not run because the server does not know its hash: it is new, or was restarted.
pub(crate) fn is_unknown(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::NoScript)
}

/// A script with its keys and arguments.
pub(crate) struct Call {
    script: &'static Script,
    keys: Vec<Vec<u8>>,
    arguments: Vec<Vec<u8>>,
}

impl Call {
    pub(crate) fn new(script: &'static LazyLock<Script>) -> Self {
        Self { script, keys: Vec::new(), arguments: Vec::new() }
    }

    pub(crate) fn key(mut self, key: &str) -> Self {
        key.write_redis_args(&mut self.keys);
        self
    }

    pub(crate) fn arg(mut self, argument: impl ToRedisArgs) -> Self {
        argument.write_redis_args(&mut self.arguments);
        self
    }

    pub(crate) fn args(self, arguments: impl IntoIterator<Item = impl ToRedisArgs>) -> Self {
        arguments.into_iter().fold(self, Self::arg)
    }

    /// Runs the script. It is sent as a text if the server does not know it by its hash.
    pub(crate) async fn run<T: FromRedisValue>(self, connection: &mut Link) -> RedisResult<T> {
        match self.by_hash().query_async(connection).await {
            // Not loaded first: in a Redis Cluster that would ask all servers, of which one may be gone.
            Err(error) if is_unknown(&error) => self.by_text().query_async(connection).await,
            answer => answer,
        }
    }

    /// The command that runs a script that the server knows, which is nearly always.
    pub(crate) fn by_hash(&self) -> Cmd {
        self.command("EVALSHA", &self.script.hash)
    }

    /// The command that runs any script, and makes it known.
    pub(crate) fn by_text(&self) -> Cmd {
        self.command("EVAL", self.script.text)
    }

    fn command(&self, name: &str, script: &str) -> Cmd {
        let mut command = redis::cmd(name);
        command.arg(script).arg(self.keys.len()).arg(&self.keys).arg(&self.arguments);
        command
    }
}
