//! What a server must be, as it describes itself.
//!
//! A server that is too old, or that evicts keys when its memory is full, would lose limits silently. That is an error
//! when a node starts, not a surprise later.

use crate::{
    error::BuildError,
    link::{Link, describe},
};

/// Of `ZRANGE` with `BYSCORE`.
const OLDEST: (u32, u32) = (6, 2);

pub(crate) async fn check(link: &mut Link) -> Result<(), BuildError> {
    let servers = describe(link).await.map_err(|error| BuildError::of(&error))?;
    servers.iter().try_for_each(|about| judge(about, link.is_one()))
}

fn judge(about: &str, is_one: bool) -> Result<(), BuildError> {
    let field = |name: &str| {
        let mut lines = about.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(key, _)| *key == name).map(|(_, value)| value.trim())
    };
    let version = field("redis_version").unwrap_or("unknown");
    if parse(version).is_none_or(|version| version < OLDEST) {
        return Err(BuildError::TooOld(version.to_owned()));
    }
    if is_one && field("redis_mode") == Some("cluster") {
        return Err(BuildError::Setting("the server is one of a Redis Cluster: `Builder::redis_cluster`"));
    }
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
