//! How a node asks the store, and what an answer that does not come means.
//!
//! There are three ways to ask, and they differ in who waits.
//!
//! - [`ask`](Node::ask), for a handshake: by the deadline that all its layers share. An answer that does not come in
//!   time is a miss, and three misses in a row open the breaker: from then on no handshake waits, until a beat was
//!   answered. [`ask_known`](Node::ask_known) does the same, and accepts no answer of data that the last beat has not
//!   seen.
//! - [`tell`](Node::tell), for the node itself: what connections hold and leave, messages that it buys, evictions. No
//!   client waits, so the patience is a beat, and a late answer says nothing about handshakes.
//! - [`wait_for`](Node::wait_for), on connections beside this one, for reads that block.
//!
//! All of them end in an answer or in [`NoAnswer`]. Why there was none is not passed on, because no caller can do
//! anything about it: the layer does what `WhenAway` says. It is counted and logged here.

use std::{future::Future, time::Duration};

use futures_util::future::join;
use portcullis_core::{clock::now, shared::Deadline};
use redis::{ErrorKind, FromRedisValue, RedisError, RedisResult, ServerErrorKind};
use tokio::time::{Instant, timeout, timeout_at};

use super::node::{Node, Session};
use crate::{
    link::Link,
    lock::lock,
    observe,
    script::{self, Call},
};

/// How often it is logged that the store refuses something. All of it is counted.
const REFUSALS: Duration = Duration::from_secs(10);

/// The error for a question that the store did not answer in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoAnswer;

impl Node {
    /// Asks for a handshake, by its deadline. Without an answer in time, the breaker has one miss more.
    pub(crate) async fn ask<T: FromRedisValue>(
        &self,
        session: &Session,
        by: Deadline,
        call: Call,
    ) -> Result<T, NoAnswer> {
        let mut connection = session.connection.clone();
        self.heard(session, by, call.run(&mut connection)).await
    }

    /// As [`ask`](Self::ask), with a command.
    pub(crate) async fn ask_command<T: FromRedisValue>(
        &self,
        session: &Session,
        by: Deadline,
        command: &redis::Cmd,
    ) -> Result<T, NoAnswer> {
        let mut connection = session.connection.clone();
        self.heard(session, by, command.query_async(&mut connection)).await
    }

    /// Asks for a handshake what must not be answered by data that is not what it was at the last beat: others have not
    /// said yet what they hold. Which data it is is asked behind the question, in the same round trip. In a Redis
    /// Cluster another server may know that, and cannot be asked together with this one.
    pub(crate) async fn ask_known<T: FromRedisValue>(
        &self,
        session: &Session,
        by: Deadline,
        call: Call,
    ) -> Result<T, NoAnswer> {
        if !session.connection.is_one() {
            return self.ask(session, by, call).await;
        }
        let (mut first, mut second) = (session.connection.clone(), session.connection.clone());
        let mut which = redis::cmd("HGET");
        which.arg(self.settings.keys.facts()).arg("boot");
        let both = async {
            let mut question = call.by_hash();
            loop {
                // A connection sends in the order in which it is asked, so this data or older has answered.
                let which = which.query_async::<Option<String>>(&mut second);
                match join(question.query_async(&mut first), which).await {
                    // The script runs when it is sent as a text, so which data that is has to be asked behind it again:
                    // the answer that is there is from before, and the data may be lost in between.
                    (Err(error), _) if script::is_unknown(&error) => question = call.by_text(),
                    (answer, boot) => return Ok((answer?, boot?)),
                }
            }
        };
        let (answer, boot) = self.heard(session, by, both).await?;
        if boot.as_deref() == Some(&session.boot) {
            return Ok(answer);
        }
        // Others have not said yet what they hold. What was granted is in the store, and given back as any request that
        // was given up; the beat is not waited for.
        self.wake.notify_one();
        Err(NoAnswer)
    }

    /// Waits for an answer by a deadline.
    async fn heard<T>(
        &self,
        session: &Session,
        by: Deadline,
        answer: impl Future<Output = RedisResult<T>>,
    ) -> Result<T, NoAnswer> {
        match timeout_at(Instant::from_std(by.at()), answer).await {
            Ok(Ok(answer)) => {
                // Misses are counted in a row: a store that answers nine of ten in time is slow, and not away.
                lock(&self.state).membership.answered();
                Ok(answer)
            }
            Ok(Err(error)) => {
                // An error is a miss as well. A store whose memory is full answers quickly, and decides nothing.
                self.failed(session, &error);
                self.missed();
                Err(NoAnswer)
            }
            // The connection is kept: one that is slow is not broken, and to give it up would break every other request
            // on it. Whether it is of use is for the beats to find out.
            Err(_) => {
                self.missed();
                Err(NoAnswer)
            }
        }
    }

    /// Asks for the node itself. Neither an answer nor the lack of one is counted for the breaker: what is told is
    /// often more than a handshake asks, and may be slow while handshakes are answered in time.
    pub(crate) async fn tell<T, F>(&self, session: &Session, ask: impl FnOnce(Link) -> F) -> Result<T, NoAnswer>
    where
        F: Future<Output = RedisResult<T>>,
    {
        let by = Instant::now() + self.settings.patience();
        match timeout_at(by, ask(session.connection.clone())).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                self.failed(session, &error);
                Err(NoAnswer)
            }
            Err(_) => Err(NoAnswer),
        }
    }

    /// A question that was not answered in time. The third in a row opens the breaker, which is noted once: the
    /// handshakes that were on their way at that moment are misses as well.
    fn missed(&self) {
        let opened = lock(&self.state).membership.missed();
        self.note(|events| {
            events.missed += 1;
            events.broken += u64::from(opened);
        });
    }

    /// An error: the connection is given up where it cannot be used any longer.
    fn failed(&self, session: &Session, error: &RedisError) {
        // In a Redis Cluster it is one server that fails, and the others are asked as before.
        if session.connection.is_one() && is_fatal(error) {
            self.disconnect(session.generation, error);
        }
        self.refused(error);
    }

    /// The store has answered with an error, such as a right that is missing, or memory that is full. Nothing but this
    /// tells an operator why limits are not shared: the caller goes on as if there had been no answer.
    pub(crate) fn refused(&self, error: &RedisError) {
        // A connection that broke is another matter, and is said by those who make connections.
        if error.is_io_error() || error.is_connection_dropped() || error.is_timeout() {
            return;
        }
        let is_due = {
            let mut last = lock(&self.refusal_logged);
            let is_due = last.is_none_or(|last| now().saturating_duration_since(last) >= REFUSALS);
            if is_due {
                *last = Some(now());
            }
            is_due
        };
        if is_due {
            observe::refused(error);
        }
        self.note(|events| events.refused += 1);
    }

    /// Makes a connection beside the one of handshakes, for a read that waits.
    pub(crate) async fn dial(&self) -> Result<Link, NoAnswer> {
        self.settings.client.connect(self.settings.patience()).await.map_err(|error| {
            self.refused(&error);
            NoAnswer
        })
    }

    /// Asks on such a connection, and gives up after a time.
    pub(crate) async fn wait_for<T>(
        &self,
        patience: Duration,
        answer: impl Future<Output = RedisResult<T>>,
    ) -> Result<T, NoAnswer> {
        match timeout(patience, answer).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                self.refused(&error);
                Err(NoAnswer)
            }
            Err(_) => Err(NoAnswer),
        }
    }
}

/// Whether a connection is of no use after an error: it is broken, or what it leads to is no primary any longer.
fn is_fatal(error: &RedisError) -> bool {
    error.is_unrecoverable_error()
        || error.is_io_error()
        || matches!(error.kind(), ErrorKind::Server(ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown))
}
