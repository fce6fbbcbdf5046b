//! The scripts, each one round trip: sent by their hash, and as a text where the server does not know it.

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
    BEAT: "beat.lua";
    TAKE: "take.lua";
    SAY: "say.lua";
    EVICT: "evict.lua";
    TELL: "tell.lua";
    AGAIN: "again.lua";
    ALLOT: "allot.lua";
    CHARGE: "charge.lua";
    BUY: "buy.lua";
    SELL: "sell.lua";
    PUBLISH: "publish.lua";
    EXTENT: "extent.lua";
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
