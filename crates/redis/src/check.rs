//! What settings and a server must be.
//!
//! A server that is too old, or that evicts keys when its memory is full, would lose limits silently. That is an error
//! when a node starts, not a surprise later.
//!
//! It is looked at once, with `INFO`, which every user of a server may be given. What an operator changes later is not
//! noticed; a primary that sentinels promote is expected to be set like the one before. Of a Redis Cluster, each server
//! that has keys is asked.

use std::time::Duration;

use crate::{
    error::BuildError,
    link::{Client, Link, describe},
};

/// The version that has `ZRANGE` with `BYSCORE`, the newest thing that the scripts use.
const OLDEST: (u32, u32) = (6, 2);

/// The minimum length of the secret, in bytes: one that is shorter can be found by trying names that are known.
const SECRET: usize = 16;

/// How long things take, as a builder is told.
#[derive(Clone, Copy)]
pub(crate) struct Times {
    /// Until a node without a beat is over.
    pub(crate) lease: Duration,
    /// Between two beats.
    pub(crate) beat: Duration,
    /// For all that a handshake asks.
    pub(crate) deadline: Duration,
    /// Until a copy without news is not relied on.
    pub(crate) stale_after: Duration,
}

/// Looks whether settings fit each other.
pub(crate) fn check_settings(secret: &[u8], namespace: &str, times: &Times) -> Result<(), BuildError> {
    let sentence = if secret.len() < SECRET {
        "a secret of at least 16 bytes is needed: `Builder::secret`"
    } else if namespace.is_empty() || namespace.contains(['{', '}']) {
        "a namespace is not empty and has no braces"
    } else if times.beat.is_zero() || times.deadline.is_zero() {
        "a beat and a deadline are longer than nothing"
    } else if times.lease < times.beat * 3 {
        // Two beats may be lost before the lease is.
        "a lease is at least three beats"
    } else if times.stale_after < times.beat * 3 {
        // A copy is as old as the last look at the stream, and that is a beat apart from the next.
        "copies are stale after at least three beats"
    } else {
        return Ok(());
    };
    Err(BuildError::Setting(sentence))
}

/// Connects once, and looks whether the server can be used.
pub(crate) async fn check_server(client: &Client, patience: Duration) -> Result<(), BuildError> {
    let mut connection = client.connect(patience).await.map_err(|error| BuildError::of(&error))?;
    // A server that stands still accepts connections all the same: the kernel does.
    let checked = tokio::time::timeout(patience, check(&mut connection)).await;
    checked.unwrap_or_else(|_| Err(BuildError::Unreachable(String::from("it does not answer"))))
}

async fn check(link: &mut Link) -> Result<(), BuildError> {
    let servers = describe(link).await.map_err(|error| BuildError::of(&error))?;
    servers.iter().try_for_each(|about| judge(about, link.is_one()))
}

/// Judges a server by its `INFO`. `is_one` if it is to have all keys.
fn judge(about: &str, is_one: bool) -> Result<(), BuildError> {
    let field = |name: &str| {
        let mut lines = about.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(key, _)| *key == name).map(|(_, value)| value.trim())
    };
    // Valkey says the version of Redis that it is compatible with here, and its own elsewhere.
    let version = field("redis_version").unwrap_or("unknown");
    if parse(version).is_none_or(|version| version < OLDEST) {
        return Err(BuildError::TooOld(version.to_owned()));
    }
    if is_one && field("redis_mode") == Some("cluster") {
        return Err(BuildError::Setting("the server is one of a Redis Cluster: `Builder::redis_cluster`"));
    }
    // A service that does not tell its policy is not asked for it: there are some that cannot be set.
    match field("maxmemory_policy") {
        None | Some("noeviction") => Ok(()),
        Some(policy) => Err(BuildError::Evicts(policy.to_owned())),
    }
}

fn parse(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.split('.').map(|number| number.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_is_too_old_or_forgets_is_an_error() {
        for (version, policy, good) in [
            ("7.0.15", "noeviction", true),
            ("6.2.0", "noeviction", true),
            ("10.0.0", "noeviction", true),
            ("6.0.16", "noeviction", false),
            ("5.9", "noeviction", false),
            ("new", "noeviction", false),
            ("7.0.15", "allkeys-lru", false),
            ("7.0.15", "volatile-ttl", false),
        ] {
            let about = format!("# Server\r\nredis_version:{version}\r\n\r\n# Memory\r\nmaxmemory_policy:{policy}\r\n");
            assert_eq!(judge(&about, true).is_ok(), good, "{version} {policy}");
        }
        assert!(judge("", true).is_err());
    }

    #[test]
    fn one_server_of_several_is_not_the_store() {
        for (mode, is_one, good) in [("standalone", true, true), ("cluster", true, false), ("cluster", false, true)] {
            let about = format!("redis_version:7.0.15\r\nredis_mode:{mode}\r\n");
            assert_eq!(judge(&about, is_one).is_ok(), good, "{mode} {is_one}");
        }
    }
}
