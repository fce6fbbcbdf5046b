//! The scripts, each one round trip: sent by their hash, and loaded where the server does not know it.

use std::sync::LazyLock;

use redis::{FromRedisValue, RedisResult, Script, ScriptInvocation, aio::MultiplexedConnection};

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
}

/// A script with its keys and arguments.
pub(crate) struct Call(ScriptInvocation<'static>);

impl Call {
    pub(crate) fn new(script: &'static LazyLock<Script>) -> Self {
        Self(script.prepare_invoke())
    }

    pub(crate) fn key(mut self, key: &str) -> Self {
        self.0.key(key);
        self
    }

    pub(crate) fn arg(mut self, argument: impl redis::ToRedisArgs) -> Self {
        self.0.arg(argument);
        self
    }

    pub(crate) fn args(self, arguments: impl IntoIterator<Item = impl redis::ToRedisArgs>) -> Self {
        arguments.into_iter().fold(self, Self::arg)
    }

    pub(crate) async fn run<T: FromRedisValue>(self, connection: &mut MultiplexedConnection) -> RedisResult<T> {
        self.0.invoke_async(connection).await
    }
}
