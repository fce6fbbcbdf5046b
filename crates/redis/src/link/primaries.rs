//! Which servers have the keys.
//!
//! Where one server has them all, a connection breaks when it is gone, and on the next one a beat comes first. In a
//! Redis Cluster the connection lives on while a primary fails over or begins anew without its data, and whether data
//! was lost may be known to another one. So each beat looks whether the primaries are what they were.

use std::{collections::HashMap, time::Duration};

use redis::RedisResult;

use super::connection::Link;

/// The primaries of a Redis Cluster: what each address calls this run of its server.
#[derive(Debug, Default)]
pub(crate) struct Primaries(HashMap<String, String>);

impl Primaries {
    /// Whether there is one that was not there when this was asked before. One that does not answer is no news.
    pub(crate) async fn changed(&mut self, link: &Link, patience: Duration) -> bool {
        let runs = runs(link, patience).await;
        // The first look has nothing to compare with, and a node that has just joined reports everything anyway.
        let known = !self.0.is_empty();
        let news = runs.iter().any(|(address, run)| self.0.get(address) != Some(run));
        // Added, not replaced: a primary that does not answer this time is no news when it does again.
        self.0.extend(runs);
        known && news
    }
}

#[cfg(feature = "cluster")]
async fn runs(link: &Link, patience: Duration) -> Vec<(String, String)> {
    match link {
        Link::One(_) => Vec::new(),
        Link::Cluster(connection) => super::topology::runs(connection, patience).await,
    }
}

#[cfg(not(feature = "cluster"))]
#[expect(clippy::unused_async, reason = "with a Redis Cluster it asks")]
async fn runs(_: &Link, _: Duration) -> Vec<(String, String)> {
    Vec::new()
}

/// What each server that has keys says of itself.
pub(crate) async fn describe(link: &mut Link) -> RedisResult<Vec<String>> {
    match link {
        Link::One(connection) => Ok(vec![redis::cmd("INFO").query_async(connection).await?]),
        #[cfg(feature = "cluster")]
        Link::Cluster(connection) => super::topology::describe(connection).await,
    }
}
