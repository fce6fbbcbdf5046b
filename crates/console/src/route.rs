//! Routing by path and method.

use http::{Method, request::Parts};

use crate::assets::{self, Asset};

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    /// A file of the page.
    Asset(&'static Asset),
    Look(Look),
    Act(Act),
    /// The path exists, but only with other methods: the value of `Allow`.
    Method(&'static str),
    Nowhere,
}

/// What a `GET` reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    Connections,
    Events,
    Limits,
    Refusals,
    Summary,
}

/// What a `POST` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    Close,
    Drain,
    Revoke,
}

impl Route {
    /// Routes by the path below the console's own.
    pub(crate) fn of(parts: &Parts) -> Self {
        let path = parts.uri.path().trim_start_matches('/');
        let look = match path {
            "api/connections" => Some(Look::Connections),
            "api/events" => Some(Look::Events),
            "api/limits" => Some(Look::Limits),
            "api/refusals" => Some(Look::Refusals),
            "api/summary" => Some(Look::Summary),
            _ => None,
        };
        let act = match path {
            "api/close" => Some(Act::Close),
            "api/drain" => Some(Act::Drain),
            "api/revoke" => Some(Act::Revoke),
            _ => None,
        };
        let is_read = matches!(parts.method, Method::GET | Method::HEAD);
        match (assets::find(path), look, act) {
            (Some(asset), ..) if is_read => Self::Asset(asset),
            (_, Some(look), _) if is_read => Self::Look(look),
            (.., Some(act)) if parts.method == Method::POST => Self::Act(act),
            (Some(_), ..) | (_, Some(_), _) => Self::Method("GET, HEAD"),
            (.., Some(_)) => Self::Method("POST"),
            (None, None, None) => Self::Nowhere,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_routed_by_path_and_method() {
        let of = |method: &str, path: &str| {
            Route::of(&http::Request::builder().method(method).uri(path).body(()).unwrap().into_parts().0)
        };
        assert!(matches!(of("GET", "/"), Route::Asset(Asset { path: "", .. })));
        assert!(matches!(of("GET", "/app.js?x"), Route::Asset(Asset { path: "app.js", .. })));
        for (method, path, route) in [
            ("GET", "/api/summary", Route::Look(Look::Summary)),
            ("HEAD", "/api/connections?limit=1", Route::Look(Look::Connections)),
            ("POST", "/api/summary", Route::Method("GET, HEAD")),
            ("POST", "/api/close", Route::Act(Act::Close)),
            ("GET", "/api/close", Route::Method("POST")),
            ("PUT", "/api/drain", Route::Method("POST")),
            ("DELETE", "/", Route::Method("GET, HEAD")),
            ("GET", "/api", Route::Nowhere),
            ("GET", "/../app.js", Route::Nowhere),
            ("GET", "/api/close/", Route::Nowhere),
        ] {
            assert_eq!(of(method, path), route, "{method} {path}");
        }
    }
}
