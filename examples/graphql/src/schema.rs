//! The schema.
#![expect(clippy::unused_async, reason = "the library's macros require async functions")]

use std::{sync::Arc, time::Duration};

use async_graphql::{Context, EmptyMutation, Object, Result, Subscription};
use futures_util::{Stream, stream};
use portcullis::jwt::Session;
use tokio::{sync::Semaphore, time::sleep};

use crate::tokens::User;

pub(crate) type Schema = async_graphql::Schema<Query, EmptyMutation, Counter>;

pub(crate) fn schema() -> Schema {
    // Queries are bounded here: the layers count messages, but do not inspect them.
    Schema::build(Query, EmptyMutation, Counter).limit_depth(5).limit_complexity(20).finish()
}

pub(crate) struct Query;

#[Object]
impl Query {
    async fn version(&self) -> u32 {
        1
    }
}

pub(crate) struct Counter;

#[Subscription]
impl Counter {
    /// Counts up, for the user of the session.
    async fn count(&self, context: &Context<'_>, to: u32) -> Result<impl Stream<Item = String>> {
        let user = context.data::<Session<User>>()?.claims().ok_or("not signed in")?;
        let permits = context.data::<Arc<Semaphore>>()?.clone();
        let permit = permits.try_acquire_owned().map_err(|_| "too many subscriptions")?;
        Ok(stream::unfold(0, move |at| {
            let _until_the_stream_is_dropped = &permit;
            let user = user.clone();
            async move {
                sleep(Duration::from_millis(10)).await;
                (at < to).then(|| (format!("{} for {}", at + 1, user.sub), at + 1))
            }
        }))
    }
}
