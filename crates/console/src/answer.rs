//! Answers one request. Each request is authorized first.

use http::{Request, Response, StatusCode, request::Parts};
use hyper::body::Body;
use portcullis_core::csrf::FETCH_SITE;

use crate::{
    action,
    body::ConsoleBody,
    events,
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
    match Route::of(&parts) {
        Route::Asset(asset) => respond::to_folder(&parts).unwrap_or_else(|| respond::asset(asset)),
        Route::Look(_) if is_foreign(&parts) => foreign(),
        Route::Look(wanted) => look(state, operator, wanted, &parts).await,
        Route::Act(wanted) => act(&state, &operator, wanted, &parts, body).await,
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

async fn look(state: State, operator: Operator, wanted: Look, parts: &Parts) -> Response<ConsoleBody> {
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
        return respond::events(events::watch(state, operator, query, permit));
    }
    let Some(snapshot) = state.snapshot(&query).await else {
        return respond::try_later("this server is shutting down");
    };
    match wanted {
        Look::Connections => respond::json(StatusCode::OK, &view::connections(&state, &snapshot, &query)),
        Look::Limits => respond::json(StatusCode::OK, &view::limits(&state, &snapshot)),
        _ => respond::json(StatusCode::OK, &view::summary(&state, &snapshot, &operator)),
    }
}

async fn act<B>(state: &State, operator: &Operator, wanted: Act, parts: &Parts, body: B) -> Response<ConsoleBody>
where
    B: Body + Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    if let Err(refusal) = state.settings.origin.admit_plain(parts) {
        return respond::failure(refusal.status(), refusal.message());
    }
    let done = match action::read(&parts.headers, body).await {
        Ok(body) => action::act(state, operator, wanted, &body).await,
        Err(failed) => Err(failed),
    };
    match done {
        Ok(outcome) => respond::json(StatusCode::OK, &outcome),
        Err(failed) => respond::failure(failed.status, &failed.error),
    }
}
