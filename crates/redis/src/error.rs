//! The errors of building a node.
//!
//! After that there are none: a store that fails later is [`Away`](crate::Away), and a layer has a rule for it. What
//! can be known at the start is an error there, so that a wrong password is seen when a service is deployed, and not as
//! refusals of its users.

use std::{error::Error, fmt};

/// The error for a node that cannot be built.
///
/// With [`Builder::lazy`](crate::Builder::lazy), an [`Unreachable`](Self::Unreachable) server is not an error.
/// Everything else is, because waiting does not mend it. No text contains a password.
///
/// ```
/// use portcullis_redis::{BuildError, Cluster};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let error = Cluster::connect("redis://127.0.0.1:1").build().await.unwrap_err();
/// assert!(matches!(error, BuildError::Setting(_)));
/// assert_eq!(error.to_string(), "a secret of at least 16 bytes is needed: `Builder::secret`");
/// # }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum BuildError {
    /// The URL is not that of a Redis server. It begins with `redis://` or `rediss://`, and user and password are
    /// percent-encoded.
    Url(String),
    /// A setting is missing or contradicts another. The sentence says which, and names the method that sets it.
    Setting(&'static str),
    /// The server is unreachable, or does not answer within a beat. With `rediss://`, this is also what a certificate
    /// that is not trusted looks like: see [`Builder::root_certificate`](crate::Builder::root_certificate). Start it
    /// first, or use [`Builder::lazy`](crate::Builder::lazy).
    Unreachable(String),
    /// The server refused the user or the password, or wants one and was given none.
    Authentication(String),
    /// The user lacks the right to `INFO`. The [crate's page](crate#which-redis) lists all the rights that are needed.
    /// Those that are missing later are counted as [`Events::refused`](crate::Events::refused), and logged.
    Permission(String),
    /// The server is older than Redis 6.2, and lacks commands that the scripts use. Holds the version.
    TooOld(String),
    /// The server's `maxmemory-policy` evicts keys. The limit of an evicted key would start anew. Set it to
    /// `noeviction`, and give the nodes a server of their own: other users would otherwise fill it. Holds the policy.
    Evicts(String),
    /// The server gave an unexpected answer, such as while it loads its data. Try again.
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
