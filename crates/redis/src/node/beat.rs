//! What the store answers to a beat: whether the lease stands, who else is alive, and whether data was lost.
//!
//! All of it comes from one script (`scripts/beat.lua`), so it is of one moment. Asked one by one, a node might renew
//! its lease in data that is lost before it looks at the nonce, and take the new data for the old.
//!
//! The script also holds leases still. If there was no beat of any node for more than half a lease, the server itself
//! was not there, or its clock was set, and all leases are moved by as much. Otherwise a pause of Redis would end the
//! lease of every node at once.

use std::time::Duration;

use redis::RedisResult;

use super::settings::Settings;
use crate::{
    link::Link,
    reading::Readable,
    script::{self, Call},
};

/// What the store says of the nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Beat {
    /// Zero if the lease is over.
    pub(crate) incarnation: u64,
    /// The last that was given out.
    pub(crate) last: u64,
    /// Another one where data was lost.
    pub(crate) boot: String,
    pub(crate) alive: Vec<u64>,
    /// How old the data is.
    pub(crate) age: Duration,
    /// How many of those who live drain.
    pub(crate) draining: usize,
    /// How many others have not yet said all that they hold.
    pub(crate) saying: usize,
}

/// What a node says of itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Flags {
    /// It takes nothing more.
    pub(crate) drains: bool,
    /// It has not yet said all that it holds.
    pub(crate) says: bool,
}

impl Beat {
    /// Asks for the lease of an incarnation, or for a new incarnation if it is zero.
    ///
    /// `boot` is the data that the node knows: in other data its incarnation means nothing, even if a number is alike.
    /// `nonce` names the data if this beat is the first that it sees.
    pub(crate) async fn ask(
        settings: &Settings,
        connection: &mut Link,
        incarnation: u64,
        boot: &str,
        nonce: &str,
        marks: Flags,
    ) -> RedisResult<Self> {
        let lease = millis(settings.lease);
        let (call, keys) = (Call::new(&script::BEAT), &settings.keys);
        let call = call.key(&keys.leases()).key(&keys.facts()).key(&keys.marks());
        let call = call
            .arg(incarnation)
            .arg(lease)
            .arg(nonce)
            .arg(boot)
            .arg(u8::from(marks.drains) + 2 * u8::from(marks.says));
        let (incarnation, last, boot, Readable(alive), age, draining, saying) = call.run(connection).await?;
        Ok(Self { incarnation, last, boot, alive, age: Duration::from_millis(age), draining, saying })
    }
}

/// In whole milliseconds, as scripts and commands take them.
pub(crate) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
