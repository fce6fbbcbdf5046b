//! async-graphql on axum.

use ::async_graphql::{EmptyMutation, Object, Schema, Subscription};
use async_graphql_axum::GraphQLSubscription;
use axum::Router;
use futures_util::{Stream, stream};
use tower::{ServiceBuilder, util::BoxCloneSyncService};

use super::library::{Bare, boxed, never};

struct Query;

#[Object]
impl Query {
    async fn version(&self) -> u32 {
        1
    }
}

struct Said;

#[Subscription]
impl Said {
    async fn say(&self, text: String) -> impl Stream<Item = String> {
        stream::iter([text])
    }
}

pub(super) fn serve() -> Bare {
    let schema = Schema::build(Query, EmptyMutation, Said).finish();
    let app = Router::new().route_service("/", GraphQLSubscription::new(schema));
    BoxCloneSyncService::new(ServiceBuilder::new().map_response(boxed).map_err(never).service(app))
}
