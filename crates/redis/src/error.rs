//! The errors of building a node.

use std::{error::Error, fmt};

/// The error for a node that cannot be built.
#[derive(Debug)]
#[non_exhaustive]
pub enum BuildError {
    /// The URL is not that of a Redis server.
    Url(String),
    /// A setting is missing or contradicts another.
    Setting(&'static str),
    /// The server is unreachable.
    Unreachable(String),
    /// The server refused the user or the password.
    Authentication(String),
    /// The user lacks the rights for commands that are needed.
    Permission(String),
    /// The server is older than Redis 6.2.
    TooOld(String),
    /// The server's `maxmemory-policy` evicts keys. The limit of an evicted key would start anew.
    Evicts(String),
    /// The server gave an unexpected answer.
    Server(String),
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(why) => write!(f, "invalid URL of a Redis server: {why}"),
            Self::Setting(sentence) => f.write_str(sentence),
            Self::Unreachable(why) => write!(f, "the Redis server could not be reached: {why}"),
            Self::Authentication(why) => write!(f, "the Redis server refused the user or the password: {why}"),
            Self::Permission(why) => write!(f, "the user may not do on the Redis server what is needed: {why}"),
            Self::TooOld(version) => write!(f, "the Redis server has version {version}, and 6.2 is needed"),
            Self::Evicts(policy) => {
                write!(f, "the Redis server's maxmemory-policy is {policy}, which forgets limits: set it to noeviction")
            }
            Self::Server(why) => write!(f, "the Redis server answered with an error: {why}"),
        }
    }
}

impl Error for BuildError {}

impl BuildError {
    /// Converts an error of the client crate. The text contains no password.
    pub(crate) fn of(error: &redis::RedisError) -> Self {
        use redis::{ErrorKind, ServerErrorKind};
        let why = error.to_string();
        match (error.kind(), error.code()) {
            (ErrorKind::AuthenticationFailed, _) | (_, Some("WRONGPASS" | "NOAUTH")) => Self::Authentication(why),
            (ErrorKind::Server(ServerErrorKind::NoPerm), _) => Self::Permission(why),
            (ErrorKind::Io, _) => Self::Unreachable(why),
            (ErrorKind::InvalidClientConfig, _) => Self::Url(why),
            _ => Self::Server(why),
        }
    }
}
