//! Answers one request. Each request is authorized first.

use http::{Request, Response, StatusCode, request::Parts};
use hyper::body::Body;
use portcullis_core::csrf::FETCH_SITE;
use tokio::task::spawn_blocking;
use tracing::Instrument;

use crate::{
    action,
    body::ConsoleBody,
    events::{self, Asker},
    operator::{Authorized, Operator},
    respond,
    route::{Act, Look, Route},
    snapshot::Query,
    state::State,
    view,
};

/// Answers a request.
pub(crate) async fn answer<B>(state: State, authorizer: Authorized, request: Request<B>) -> Response<ConsoleBody>
where
    B: Body + Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (parts, body) = request.into_parts();
    let Some(operator) = authorizer.ask(&parts).await else {
        return respond::failure(StatusCode::FORBIDDEN, "you may not see this console");
    };
    // For every request: a page whose name was rebound to this server must not read, either.
    if let Err(refusal) = state.settings.origin.admit_plain(&parts) {
        return respond::failure(refusal.status(), refusal.message());
    }
    match Route::of(&parts) {
        Route::Asset(asset) => respond::to_folder(&parts).unwrap_or_else(|| respond::asset(asset)),
        Route::Look(_) if is_foreign(&parts) => foreign(),
        Route::Look(wanted) => look(state, authorizer, operator, wanted, parts).await,
        Route::Act(wanted) => act(state, operator, wanted, &parts, body).await,
        Route::Method(allowed) => respond::wrong_method(allowed),
        Route::Nowhere => respond::failure(StatusCode::NOT_FOUND, "not found"),
    }
}

/// A page of another site cannot read the response, but it could use up the places for viewers.
fn is_foreign(parts: &Parts) -> bool {
    let mut sites = parts.headers.get_all(FETCH_SITE).iter();
    sites.any(|site| site != "same-origin" && site != "none")
}

fn foreign() -> Response<ConsoleBody> {
    respond::failure(StatusCode::FORBIDDEN, "the request came from a page of another site")
}

async fn look(
    state: State,
    authorizer: Authorized,
    operator: Operator,
    wanted: Look,
    parts: Parts,
) -> Response<ConsoleBody> {
    let query = match wanted {
        Look::Connections | Look::Events => Query::parse(parts.uri.query()),
        Look::Limits | Look::Refusals | Look::Summary => Ok(Query::default()),
    };
    let query = match query {
        Ok(query) => query,
        Err(wrong) => return respond::failure(StatusCode::BAD_REQUEST, &wrong.to_string()),
    };
    if wanted == Look::Refusals {
        return respond::json(StatusCode::OK, &view::refusals(&state));
    }
    if wanted == Look::Events {
        let Ok(permit) = state.settings.viewers.clone().try_acquire_owned() else {
            return respond::try_later("too many viewers");
        };
        return respond::events(events::watch(state, Asker { authorizer, parts, operator }, query, permit));
    }
    let Some(snapshot) = state.snapshot(&query).await else { return stopping() };
    // Selecting a page out of many connections takes a while.
    let shown = spawn_blocking(move || match wanted {
        Look::Connections => respond::json(StatusCode::OK, &view::connections(&state, &snapshot, &query)),
        Look::Limits => respond::json(StatusCode::OK, &view::limits(&state, &snapshot)),
        _ => respond::json(StatusCode::OK, &view::summary(&state, &snapshot, &operator)),
    });
    shown.await.unwrap_or_else(|_| stopping())
}

fn stopping() -> Response<ConsoleBody> {
    respond::try_later("this server is shutting down")
}

async fn act<B>(state: State, operator: Operator, wanted: Act, parts: &Parts, body: B) -> Response<ConsoleBody>
where
    B: Body + Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let body = match action::read(&parts.headers, body).await {
        Ok(body) => body,
        Err(failed) => return respond::failure(failed.status, &failed.error),
    };
    // In a task: the action is logged even if the operator disconnects before it is complete.
    let done = async move { action::act(&state, &operator, wanted, &body).await };
    match tokio::spawn(done.in_current_span()).await {
        Ok(Ok(outcome)) => respond::json(StatusCode::OK, &outcome),
        Ok(Err(failed)) => respond::failure(failed.status, &failed.error),
        Err(_) => stopping(),
    }
}
